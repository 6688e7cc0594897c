//! How many pods a service has: as the spec says, as an autoscaler does, or none; and who says so changes without a
//! pod being lost.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::{Arena, eventually, scene, status};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

const USER: &str = "orion-user";
const GATEWAY: &str = "orion-gateway";
/// Longer than the operator needs to look again at what has changed.
const LOOK: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_pods_is_the_specs_or_the_autoscalers_and_never_both() -> Result<()> {
    scene("operator-scale", async |arena| {
        arena.apply(json!({"services": [{"name": "user", "replicas": 2}]})).await?;
        arena.until_ready().await?;
        arena.api::<PodDisruptionBudget>().get(USER).await.context("two pods have a budget")?;
        handed_over_without_losing_a_pod(arena).await?;
        what_the_autoscaler_sets_stays(arena).await?;
        taken_back_by_the_spec(arena).await?;
        stopped_and_ready_all_the_same(arena).await
    })
    .await
}

async fn handed_over_without_losing_a_pod(arena: &Arena) -> Result<()> {
    arena.edit(user(json!({"autoscaling": {"minReplicas": 1, "maxReplicas": 5}}))).await?;
    let autoscalers = arena.api::<HorizontalPodAutoscaler>();
    eventually("there is an autoscaler", async || Ok(autoscalers.get_opt(USER).await?)).await?;
    assert_eq!(replicas(arena, USER).await?, 2);
    arena.until_ready().await.map(drop)
}

/// The autoscaler writes through the scale subresource; so does this test in its place.
async fn what_the_autoscaler_sets_stays(arena: &Arena) -> Result<()> {
    let autoscaler = PatchParams { field_manager: Some("autoscaler".into()), ..PatchParams::default() };
    let three = Patch::Merge(json!({"spec": {"replicas": 3}}));
    arena.api::<Deployment>().patch_scale(USER, &autoscaler, &three).await?;
    stays(arena, 3).await?;
    let autoscaling = json!({"minReplicas": 1, "maxReplicas": 5});
    let env = json!([{"name": "ORION_LOG", "value": "debug"}]);
    arena.edit(user(json!({"autoscaling": autoscaling, "env": env}))).await?;
    arena.until_ready().await?;
    stays(arena, 3).await?;
    arena.kill_operator().await?;
    stays(arena, 3).await?;
    arena.until_ready().await.map(drop)
}

async fn taken_back_by_the_spec(arena: &Arena) -> Result<()> {
    arena.edit(user(json!({"replicas": 1}))).await?;
    let autoscalers = arena.api::<HorizontalPodAutoscaler>();
    eventually("the autoscaler is gone", async || {
        Ok(autoscalers.get_opt(USER).await?.is_none().then_some(()))
    })
    .await?;
    let budgets = arena.api::<PodDisruptionBudget>();
    eventually("the budget is gone", async || Ok(budgets.get_opt(USER).await?.is_none().then_some(())))
        .await?;
    arena.until_ready().await?;
    assert_eq!(replicas(arena, USER).await?, 1);
    stays(arena, 1).await
}

async fn stopped_and_ready_all_the_same(arena: &Arena) -> Result<()> {
    arena.edit(json!({"services": [{"name": "gateway", "replicas": 0}]})).await?;
    eventually("the gateway has no pod", async || Ok(arena.pods("gateway").await?.is_empty().then_some(())))
        .await?;
    let platform = arena
        .until("the platform is ready without a gateway", |platform| {
            status::is_ready(platform) && status::message(platform, "gateway") == "scaled to 0"
        })
        .await?;
    assert_eq!(status::unit(&platform, "gateway").map(|unit| unit.desired), Some(0));
    assert_eq!(replicas(arena, GATEWAY).await?, 0);
    Ok(())
}

/// The list of services that a merge patch puts in the place of the one before.
fn user(mut settings: Value) -> Value {
    settings["name"] = "user".into();
    json!({"services": [settings]})
}

async fn replicas(arena: &Arena, name: &str) -> Result<i32> {
    let spec = arena.api::<Deployment>().get(name).await?.spec.context("a Deployment has a spec")?;
    Ok(spec.replicas.unwrap_or(1))
}

async fn stays(arena: &Arena, wanted: i32) -> Result<()> {
    tokio::time::sleep(LOOK).await;
    assert_eq!(replicas(arena, USER).await?, wanted);
    Ok(())
}
