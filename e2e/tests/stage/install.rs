//! The first install: tier by tier, whatever the spec has in it, in a namespace that enforces the restricted level.

use anyhow::{Context, Result};
use e2e::order::assert_installed_in_order;
use e2e::record::Recorder;
use e2e::stage::scene;
use e2e::status;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ListParams, PostParams};
use operator::api::OrionPlatform;
use serde_json::{Value, json};

use crate::support::{QUIET, assert_conditions, assert_made_once, changes, phases};

#[tokio::test(flavor = "multi_thread")]
async fn an_install_goes_tier_by_tier_makes_each_thing_once_and_says_so() -> Result<()> {
    scene("install", async |scene| {
        let recorder = Recorder::start(scene).await?;
        scene.apply(json!({})).await?;
        let ready = scene.until_ready().await?;
        assert_installed_in_order(&recorder.seen());
        assert_conditions(
            &ready,
            [("Ready", true), ("Reconciling", false), ("Stalled", false), ("Degraded", false)],
        );
        scene.quiet_for(QUIET).await?;
        assert_eq!(phases(scene, 0), ["Installing", "Ready"]);
        assert_made_once(scene, 0);
        assert!(changes(scene, 0).len() > 20, "the record is not the whole story");
        Ok(())
    })
    .await
}

/// Forty characters are the most that the schema lets through: every name that is made of it fits.
#[tokio::test(flavor = "multi_thread")]
async fn a_platform_with_the_longest_name_is_installed() -> Result<()> {
    scene("install-name", async |scene| {
        let name = "a-name-of-forty-characters-is-the-longest".get(..40).context("forty")?;
        let platform: OrionPlatform = serde_json::from_value(json!({
            "apiVersion": "orion.dev/v1alpha1", "kind": "OrionPlatform",
            "metadata": {"name": name}, "spec": {"exposure": {"nodePort": {}}},
        }))?;
        scene.platforms.create(&PostParams::default(), &platform).await?;
        scene
            .eventually("it is ready", async || {
                Ok(status::is_ready(&scene.platforms.get(name).await?).then_some(()))
            })
            .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn values_in_any_script_reach_the_pods_unchanged_and_are_written_once() -> Result<()> {
    scene("install-unicode", async |scene| {
        let value =
            "naïve 日本語 🦀 \u{202e}rtl \u{0} $(HOME) \"quoted\" \\n\ttab\nline".replace('\u{0}', "");
        let env = json!([{"name": "NOTE", "value": value}]);
        scene.apply(json!({"services": [{"name": "user", "env": env}]})).await?;
        scene.until_ready().await?;
        scene.quiet_for(QUIET).await?;
        assert_made_once(scene, 0);
        let user = scene.api::<Deployment>().get("orion-user").await?;
        assert_eq!(user.metadata.generation, Some(1));
        let text = serde_json::to_value(&user)?;
        let env = &text["spec"]["template"]["spec"]["containers"][0]["env"];
        let note = env.as_array().into_iter().flatten().find(|variable| variable["name"] == "NOTE");
        assert_eq!(note.context("the variable is there")?["value"], value);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_with_as_much_in_it_as_the_schema_lets_through_is_installed_and_at_rest() -> Result<()> {
    scene("install-maximal", async |scene| {
        scene.apply(maximal()).await?;
        scene.until_ready().await?;
        scene.quiet_for(QUIET).await?;
        assert_made_once(scene, 0);
        for deployment in scene.api::<Deployment>().list(&ListParams::default()).await? {
            assert_eq!(deployment.metadata.generation, Some(1), "{:?}", deployment.metadata.name);
        }
        Ok(())
    })
    .await
}

/// Each list as long as it may be.
fn maximal() -> Value {
    let services = catalog::SERVICES.iter().map(|service| {
        let env: Vec<Value> =
            (0..64).map(|n| json!({"name": format!("NOTE_{n}"), "value": "é".repeat(500)})).collect();
        let tolerations: Vec<Value> =
            (0..16).map(|n| json!({"key": format!("key-{n}"), "operator": "Exists"})).collect();
        json!({
            "name": service.name, "env": env, "replicas": 2,
            "resources": {"requests": {"cpu": "0.05", "memory": "33554432"}, "limits": {"memory": "0.25Gi"}},
            "pod": {"tolerations": tolerations, "annotations": {"note": "ü".repeat(200)}},
        })
    });
    json!({
        "services": services.collect::<Vec<_>>(),
        "image": {"pullSecrets": (0..8).map(|n| json!({"name": format!("secret-{n}")})).collect::<Vec<_>>()},
        "exposure": {"loadBalancer": {}},
    })
}
