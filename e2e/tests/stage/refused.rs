//! What only the cluster can refuse: the status says what and why in the cluster's own words, everything else goes on,
//! and once it is put right so does this.

use anyhow::Result;
use e2e::stage::{Scene, scene};
use e2e::status;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::core::v1::{ResourceQuota, Secret};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use operator::api::{OrionPlatform, Phase};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::{SOON, assert_no_changes, deployment, is};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_the_key_of_one_service_is_named_there_and_the_rest_goes_on() -> Result<()> {
    scene("refused-key", async |scene| {
        secret(scene, json!({"auth-url": "postgres://auth:a@db/auth"})).await?;
        scene.apply(external()).await?;
        let why = "Secret elsewhere has no key user-url";
        let named = |p: &OrionPlatform| status::message(p, "user").contains(why);
        let platform = scene.until("the key is named", named).await?;
        for there in ["provision", "auth"] {
            assert!(
                status::unit(&platform, there).is_some_and(|unit| unit.ready == 1),
                "{}",
                status::told(&platform)
            );
        }
        assert_eq!(deployment(scene, "user").await?, None, "its pods could not start");
        let patch = Patch::Merge(json!({"stringData": {"user-url": "postgres://user:a@db/user"}}));
        scene.api::<Secret>().patch("elsewhere", &PatchParams::default(), &patch).await?;
        scene.until_ready().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_service_lacks_a_key_the_others_are_edited_and_nothing_is_taken_back() -> Result<()> {
    scene("refused-alone", async |scene| {
        secret(scene, json!({"auth-url": "postgres://a", "user-url": "postgres://u"})).await?;
        let mut spec = external();
        spec["rollout"] = json!({"tierTimeout": SOON, "onFailure": "Rollback"});
        scene.apply(spec).await?;
        scene.until_ready().await?;
        let gone = Patch::Merge(json!({"data": {"user-url": null}}));
        scene.api::<Secret>().patch("elsewhere", &PatchParams::default(), &gone).await?;
        // The Secret is read again within a minute.
        let named = |p: &OrionPlatform| {
            status::message(p, "user").contains("Secret elsewhere has no key user-url")
                && status::is_true(p, "Degraded")
        };
        scene.until("the key is named", named).await?;
        let env = json!([{"name": "GREETING", "value": "hello"}]);
        let edited = ["auth", "gateway"].map(|name| json!({"name": name, "env": env}));
        scene.edit(json!({"services": edited})).await?;
        for name in ["auth", "gateway"] {
            let changed =
                async || Ok((crate::support::generation(scene, name).await? == Some(2)).then_some(()));
            scene.eventually("the others are edited", changed).await?;
        }
        let stalled = scene.until("it is stalled", is(Phase::Stalled)).await?;
        assert!(named(&stalled) || told(&stalled).contains("no key user-url"), "{}", status::told(&stalled));
        assert_eq!(stalled.status.as_ref().and_then(|s| s.rollback.clone()), None);
        assert_eq!(crate::support::generation(scene, "user").await?, Some(1), "what runs stays");
        let back = Patch::Merge(json!({"stringData": {"user-url": "postgres://u"}}));
        scene.api::<Secret>().patch("elsewhere", &PatchParams::default(), &back).await?;
        scene.until_ready().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_missing_or_is_no_text_is_named() -> Result<()> {
    scene("refused-secret", async |scene| {
        scene.apply(external()).await?;
        let named = |p: &OrionPlatform| status::message(p, "auth").contains("there is no Secret elsewhere");
        scene.until("the Secret is named", named).await?;
        let object = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "elsewhere"},
            "data": {"auth-url": "//79", "user-url": "//79"},
        });
        create::<Secret>(scene.api(), object).await?;
        let unreadable = |p: &OrionPlatform| status::message(p, "auth").contains("is not text");
        scene.until("it is said to be no text", unreadable).await?;
        let patch =
            Patch::Merge(json!({"stringData": {"auth-url": "postgres://a", "user-url": "postgres://u"}}));
        scene.api::<Secret>().patch("elsewhere", &PatchParams::default(), &patch).await?;
        scene.until_ready().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_changes_reaches_the_pods_that_read_it_and_no_others() -> Result<()> {
    scene("refused-changes", async |scene| {
        secret(scene, json!({"auth-url": "postgres://a", "user-url": "postgres://u"})).await?;
        scene.apply(external()).await?;
        scene.until_ready().await?;
        let patch = Patch::Merge(json!({"stringData": {"user-url": "postgres://other"}}));
        scene.api::<Secret>().patch("elsewhere", &PatchParams::default(), &patch).await?;
        let changed =
            async || Ok((crate::support::generation(scene, "user").await? == Some(2)).then_some(()));
        scene.eventually("user reads the new one", changed).await?;
        scene.until_ready().await?;
        assert_eq!(crate::support::generation(scene, "auth").await?, Some(1));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_refuses_is_quoted_and_the_rest_goes_on() -> Result<()> {
    scene("refused-quota", async |scene| {
        let quota = json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
            "spec": {"hard": {"count/deployments.apps": "1"}},
        });
        let quotas: Api<ResourceQuota> = scene.api();
        create(quotas.clone(), quota).await?;
        scene
            .eventually("the quota is counted", async || {
                let status = quotas.get("few").await?.status.unwrap_or_default();
                Ok(status.hard.map(drop))
            })
            .await?;
        scene.apply(json!({"rollout": {"tierTimeout": SOON}})).await?;
        let why = "exceeded quota: few";
        let stalled = scene.until("it is stalled", is(Phase::Stalled)).await?;
        assert!(status::message(&stalled, "user").contains(why), "{}", status::told(&stalled));
        let summary = stalled.status.as_ref().and_then(|s| s.message.as_deref()).unwrap_or_default();
        assert!(summary.contains(why), "{summary}");
        assert!(deployment(scene, "auth").await?.is_some());
        quotas.delete("few", &DeleteParams::default()).await?;
        scene.until_ready().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_denies_is_quoted_in_its_own_words() -> Result<()> {
    scene("refused-policy", async |scene| {
        let policies: Api<ValidatingAdmissionPolicy> = Api::all(scene.client.clone());
        let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(scene.client.clone());
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": scene.namespace},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["deployments"],
                }]},
                "validations": [{"expression": "false", "message": "change freeze until Monday"}],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": scene.namespace},
            "spec": {
                "policyName": scene.namespace, "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {
                    "kubernetes.io/metadata.name": scene.namespace,
                }}},
            },
        });
        create(policies.clone(), policy).await?;
        create(bindings.clone(), binding).await?;
        // It takes the API server a moment to learn of it, and it never says when.
        scene
            .eventually("the policy is in force", async || {
                let trial = json!({
                    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "trial"},
                    "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
                        "metadata": {"labels": {"a": "b"}},
                        "spec": {"containers": [{"name": "a", "image": "a"}]},
                    }},
                });
                let trials: Api<k8s_openapi::api::apps::v1::Deployment> = scene.api();
                let params = PostParams { dry_run: true, ..PostParams::default() };
                Ok(trials.create(&params, &serde_json::from_value(trial)?).await.is_err().then_some(()))
            })
            .await?;
        scene.apply(json!({})).await?;
        let why = "change freeze until Monday";
        let denied = scene.until("auth is denied", |p| status::message(p, "auth").contains(why)).await?;
        assert!(
            status::unit(&denied, "redis").is_some_and(|redis| redis.ready == 1),
            "{}",
            status::told(&denied)
        );
        bindings.delete(&scene.namespace, &DeleteParams::default()).await?;
        policies.delete(&scene.namespace, &DeleteParams::default()).await?;
        scene.until_ready().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_that_can_not_be_carried_out_touches_nothing_that_runs() -> Result<()> {
    scene("refused-spec", async |scene| {
        scene.apply(json!({})).await?;
        scene.until_ready().await?;
        let from = scene.proxy.calls().len();
        let off = json!([{"name": "auth", "enabled": false}]);
        scene.edit(json!({"services": off})).await?;
        let invalid = scene.until("it is invalid", is(Phase::Invalid)).await?;
        assert!(status::is_true(&invalid, "Stalled"), "{}", status::told(&invalid));
        assert!(told(&invalid).contains("auth can't be disabled"), "{}", told(&invalid));
        assert_no_changes(scene, from);
        scene.edit(json!({"services": []})).await?;
        scene.until_ready().await.map(drop)
    })
    .await
}

/// The schema bounds each list and each text; all of them at their bounds are more than a revision can hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_spec_too_big_to_be_stored_is_said_to_be_so_and_nothing_is_touched() -> Result<()> {
    scene("refused-big", async |scene| {
        scene.apply(json!({})).await?;
        scene.until_ready().await?;
        let from = scene.proxy.calls().len();
        let mut state = 1u64;
        let mut noise = || {
            let letters = (0..4000).map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                char::from(b"abcdefghijklmnopqrstuvwxyzABCDEF"[(state >> 59) as usize])
            });
            letters.collect::<String>()
        };
        let services = catalog::SERVICES.iter().map(|service| {
            let env = (0..64).map(|n| json!({"name": format!("NOTE_{n}"), "value": noise()}));
            json!({"name": service.name, "env": env.collect::<Vec<_>>()})
        });
        scene.edit(json!({"services": services.collect::<Vec<_>>()})).await?;
        let invalid = scene.until("it is invalid", is(Phase::Invalid)).await?;
        assert!(told(&invalid).contains("shorten"), "{}", status::told(&invalid));
        assert_no_changes(scene, from);
        scene.edit(json!({"services": []})).await?;
        scene.until_ready().await.map(drop)
    })
    .await
}

fn told(platform: &OrionPlatform) -> &str {
    platform.status.as_ref().and_then(|status| status.message.as_deref()).unwrap_or_default()
}

/// A PostgreSQL that somebody else runs and has made the accounts in.
fn external() -> Value {
    json!({"postgres": {"external": {"provisioning": "None", "secretRef": {"name": "elsewhere"}}}})
}

async fn secret(scene: &Scene, data: Value) -> Result<()> {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "elsewhere"}, "stringData": data,
    });
    create::<Secret>(scene.api(), object).await
}

async fn create<K>(api: Api<K>, object: Value) -> Result<()>
where
    K: kube::Resource + Clone + serde::Serialize + DeserializeOwned + std::fmt::Debug,
{
    api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
    Ok(())
}
