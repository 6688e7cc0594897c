//! A rollout that doesn't get on: the status says where and why, and what happens then is what the spec says.

use anyhow::{Context, Result};
use e2e::stage::actor::Fate;
use e2e::stage::{Scene, scene};
use e2e::status;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use kube::ResourceExt;
use kube::api::ListParams;
use operator::api::Phase;
use serde_json::json;
use std::time::Duration;

use crate::support::{
    BROKEN, QUIET, SOON, assert_conditions, assert_no_changes, deployment, generation, is, phases, service,
};

const CAUSE: &str = "no route to postgres:5432";

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_without_progress_is_stalled_with_its_cause_and_goes_on_once_that_is_gone() -> Result<()> {
    scene("stuck-heals", async |scene| {
        scene.pods_are(|unit, _| if unit == "auth" { Fate::Crashes(CAUSE) } else { Fate::Ready }).await?;
        scene.apply(json!({"rollout": {"tierTimeout": SOON}})).await?;
        let stalled = scene.until("it is stalled", is(Phase::Stalled)).await?;
        assert_conditions(
            &stalled,
            [("Ready", false), ("Reconciling", false), ("Stalled", true), ("Degraded", false)],
        );
        let summary = stalled.status.as_ref().and_then(|s| s.message.clone()).unwrap_or_default();
        for said in [summary.as_str(), status::message(&stalled, "auth")] {
            assert!(said.contains("exit 1") && said.contains(CAUSE), "{}", status::told(&stalled));
        }
        for above in ["user", "gateway"] {
            assert_eq!(deployment(scene, above).await?, None, "{above} was made");
            assert!(
                status::message(&stalled, above).contains("waits for auth"),
                "{}",
                status::told(&stalled)
            );
        }
        scene.pods_are(|_, _| Fate::Ready).await?;
        scene.until_ready().await?;
        assert_eq!(phases(scene, 0), ["Installing", "Stalled", "Installing", "Ready"]);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_ends_a_hold_of_an_install_that_has_nothing_to_go_back_to() -> Result<()> {
    scene("stuck-hold", async |scene| {
        broken_images_break(scene).await?;
        let mut spec = service("user", json!({"image": BROKEN}));
        spec["rollout"] = json!({"tierTimeout": SOON, "onFailure": "Rollback"});
        scene.apply(spec).await?;
        let held = scene.until("it is stalled", is(Phase::Stalled)).await?;
        assert_eq!(held.status.as_ref().map(|s| s.rollback.clone()), Some(None));
        scene.edit(json!({"services": []})).await?;
        scene.until_ready().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_an_update_leaves_the_rest_alone_and_an_edit_ends_it() -> Result<()> {
    scene("stuck-update", async |scene| {
        broken_images_break(scene).await?;
        scene.apply(json!({"rollout": {"tierTimeout": SOON}})).await?;
        scene.until_ready().await?;
        scene.quiet_for(QUIET).await?;
        let from = scene.proxy.calls().len();
        scene.edit(service("user", json!({"image": BROKEN}))).await?;
        let held = scene.until("it is stalled", is(Phase::Stalled)).await?;
        assert_eq!(phases(scene, from), ["Updating", "Stalled"]);
        assert!(status::message(&held, "user").contains("CrashLoopBackOff"), "{}", status::told(&held));
        assert_eq!(
            (generation(scene, "auth").await?, generation(scene, "gateway").await?),
            (Some(1), Some(1))
        );
        let held_since = scene.proxy.calls().len();
        scene.edit(json!({"services": []})).await?;
        scene.until_ready().await?;
        assert_eq!(generation(scene, "user").await?, Some(3), "there and back");
        assert!(
            !phases(scene, held_since).contains(&"Stalled".to_owned()),
            "{:?}",
            phases(scene, held_since)
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_update_is_rolled_back_once_and_stays_so_until_the_spec_changes() -> Result<()> {
    scene("stuck-rollback", async |scene| {
        broken_images_break(scene).await?;
        scene.apply(json!({"rollout": {"tierTimeout": SOON, "onFailure": "Rollback"}})).await?;
        let good = scene.until_ready().await?.status.context("a status")?.revision;
        let from = scene.proxy.calls().len();
        scene.edit(service("user", json!({"image": BROKEN}))).await?;
        let back = scene.until("it is rolled back", is(Phase::RolledBack)).await?;
        assert_conditions(
            &back,
            [("Ready", false), ("Reconciling", false), ("Stalled", true), ("Degraded", true)],
        );
        let told = back.status.as_ref().context("a status")?;
        assert_eq!(told.revision, good);
        let cause = told.rollback.as_ref().map(|rollback| rollback.cause.clone()).unwrap_or_default();
        assert!(cause.contains("user: CrashLoopBackOff"), "{cause}");
        scene.quiet_for(QUIET).await?;
        assert_eq!(phases(scene, from), ["Updating", "Stalled", "Updating", "RolledBack"]);

        // Whatever would try again has the time for it.
        let from = scene.proxy.calls().len();
        tokio::time::sleep(Duration::from_secs(12)).await;
        assert_no_changes(scene, from);
        assert!(phases(scene, from).is_empty(), "{:?}", phases(scene, from));

        scene.edit(json!({"services": []})).await?;
        let ready = scene.until_ready().await?;
        assert_eq!(ready.status.as_ref().and_then(|s| s.rollback.clone()), None);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gets_ill_at_run_time_is_degraded_never_stalled_and_nothing_is_touched_for_it() -> Result<()> {
    scene("stuck-ill", async |scene| {
        scene.apply(json!({"rollout": {"tierTimeout": SOON, "onFailure": "Rollback"}})).await?;
        scene.until_ready().await?;
        scene.quiet_for(QUIET).await?;
        let from = scene.proxy.calls().len();
        scene.pods_are(|unit, _| if unit == "postgres" { Fate::Crashes(CAUSE) } else { Fate::Ready }).await?;
        let ill = scene.until("it is degraded", is(Phase::Degraded)).await?;
        tokio::time::sleep(Duration::from_secs(12)).await;
        assert_eq!(phases(scene, from), ["Degraded"]);
        assert_conditions(
            &scene.platforms.get("orion").await?,
            [("Ready", false), ("Reconciling", false), ("Stalled", false), ("Degraded", true)],
        );
        assert!(status::message(&ill, "postgres").contains(CAUSE), "{}", status::told(&ill));
        assert_no_changes(scene, from);
        scene.pods_are(|_, _| Fate::Ready).await?;
        scene.until_ready().await?;
        assert_no_changes(scene, from);
        for deployment in scene.api::<Deployment>().list(&ListParams::default()).await? {
            assert_eq!(deployment.metadata.generation, Some(1), "{}", deployment.name_any());
        }
        for store in scene.api::<StatefulSet>().list(&ListParams::default()).await? {
            assert_eq!(store.metadata.generation, Some(1), "{}", store.name_any());
        }
        Ok(())
    })
    .await
}

/// The pods of one image never get ready.
pub(crate) async fn broken_images_break(scene: &Scene) -> Result<()> {
    scene.pods_are(|_, image| if image == BROKEN { Fate::Crashes("it is broken") } else { Fate::Ready }).await
}
