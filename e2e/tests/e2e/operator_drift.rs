//! What somebody deletes or edits comes back; what somebody else adds stays theirs.

use anyhow::{Context, Result};
use catalog::STORES;
use e2e::client::Gateway;
use e2e::{Arena, eventually, scene, status};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use operator::api::Phase;
use serde::de::DeserializeOwned;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_or_edited_comes_back_and_what_others_set_stays() -> Result<()> {
    scene("operator-drift", async |arena| {
        arena.apply(json!({"exposure": {"nodePort": {}}})).await?;
        arena.until_ready().await?;
        what_is_deleted_comes_back(arena).await?;
        passwords_that_are_gone_are_made_anew_everywhere(arena).await?;
        what_runs_is_healed_under_an_invalid_spec(arena).await?;
        what_is_edited_is_put_back_and_a_foreign_field_stays(arena).await?;
        arena.until_ready().await.map(drop)
    })
    .await
}

async fn what_is_deleted_comes_back(arena: &Arena) -> Result<()> {
    comes_back::<Deployment>(arena, "orion-gateway").await?;
    comes_back::<Service>(arena, "orion-auth").await?;
    comes_back::<ConfigMap>(arena, "orion-postgres-config").await?;
    comes_back::<ServiceAccount>(arena, "orion-user").await?;
    // With its claim kept, a store comes back with its data.
    comes_back::<StatefulSet>(arena, "orion-redis").await?;
    arena.until_ready().await.map(drop)
}

/// In the stores by another provision Job, and in the service by other pods: it goes on working.
async fn passwords_that_are_gone_are_made_anew_everywhere(arena: &Arena) -> Result<()> {
    let deployments = arena.api::<Deployment>();
    let before = deployments.get("orion-user").await?.metadata.generation;
    for store in STORES {
        rolls_with_a_new_administrator(arena, store.name).await?;
    }
    // Ready again means that the Job has logged in to each store with the new password.
    arena.until_ready().await?;
    comes_back::<Secret>(arena, "orion-user-credentials").await?;
    eventually("user has the new passwords", async || {
        Ok((deployments.get("orion-user").await?.metadata.generation > before).then_some(()))
    })
    .await?;
    arena.until_ready().await?;
    let person = json!({
        "email": "ada@example.com", "username": "ada", "password": "correct horse battery staple",
        "firstName": "Ada", "lastName": "Lovelace",
    });
    Gateway::of(arena).await?.post("/api/user/register", None, person).await?.expect(201);
    Ok(())
}

async fn rolls_with_a_new_administrator(arena: &Arena, store: &str) -> Result<()> {
    let stateful_sets = arena.api::<StatefulSet>();
    let name = catalog::object_name("orion", store);
    let before = stateful_sets.get(&name).await?.metadata.generation;
    comes_back::<Secret>(arena, &format!("{name}-admin")).await?;
    eventually(&format!("{store} is started with the new password"), async || {
        Ok((stateful_sets.get(&name).await?.metadata.generation > before).then_some(()))
    })
    .await
}

async fn what_runs_is_healed_under_an_invalid_spec(arena: &Arena) -> Result<()> {
    let before = status::observed(&arena.edit(json!({"version": "999.0.0"})).await?);
    let platform = arena
        .until("the spec is found invalid", |platform| {
            platform.status.as_ref().and_then(|status| status.phase) == Some(Phase::Invalid)
        })
        .await?;
    // What is known of the tiers is about the spec that they run.
    let tier = status::condition(&platform, "DataReady").context("a condition for the tier")?;
    assert_eq!((tier.status.as_str(), tier.observed_generation), ("True", before));
    comes_back::<ConfigMap>(arena, "orion-caller-keys").await?;
    // So is everything else of what was applied last.
    comes_back::<Deployment>(arena, "orion-gateway").await?;
    comes_back::<StatefulSet>(arena, "orion-redis").await?;
    arena.edit(json!({"version": null})).await?;
    arena.until_ready().await.map(drop)
}

async fn comes_back<K>(arena: &Arena, name: &str) -> Result<()>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let api = arena.api::<K>();
    let before = api.get(name).await.with_context(|| format!("{name} is there"))?.uid();
    api.delete(name, &DeleteParams::background()).await?;
    eventually(&format!("{name} is back"), async || {
        let now = api.get_opt(name).await?;
        Ok(now
            .filter(|object| object.uid() != before && object.meta().deletion_timestamp.is_none())
            .map(drop))
    })
    .await
}

async fn what_is_edited_is_put_back_and_a_foreign_field_stays(arena: &Arena) -> Result<()> {
    let deployments = arena.api::<Deployment>();
    let somebody = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
    // Nothing of the operator's: another's annotation, and a field that it has no opinion on.
    let theirs = Patch::Merge(json!({
        "metadata": {"annotations": {"example.com/owner": "somebody"}},
        "spec": {"minReadySeconds": 1},
    }));
    deployments.patch("orion-user", &somebody, &theirs).await?;
    // The operator's: how many, and what runs.
    let ours = Patch::Strategic(json!({
        "spec": {"replicas": 3, "template": {"spec": {"terminationGracePeriodSeconds": 7}}},
    }));
    deployments.patch("orion-user", &somebody, &ours).await?;
    let back = eventually("the edit is put back", async || {
        let deployment = deployments.get("orion-user").await?;
        let spec = deployment.spec.as_ref().context("a Deployment has a spec")?;
        let pod = spec.template.spec.as_ref().context("a template has a spec")?;
        let same = spec.replicas == Some(1) && pod.termination_grace_period_seconds == Some(30);
        Ok(same.then_some(deployment))
    })
    .await?;
    assert_eq!(back.annotations().get("example.com/owner").map(String::as_str), Some("somebody"));
    assert_eq!(back.spec.and_then(|spec| spec.min_ready_seconds), Some(1));
    Ok(())
}
