//! What an edit of the spec does to a platform that runs, and what it leaves alone.

use anyhow::{Context, Result};
use e2e::order::{assert_updated_in_order, gone, touched};
use e2e::record::{Recorder, Seen};
use e2e::stage::actor::Fate;
use e2e::stage::{Scene, scene};
use e2e::status;
use operator::api::Phase;
use operator::controller::revisions::APPROVE;
use serde_json::json;
use std::time::Duration;

use crate::support::{
    BROKEN, OLD, QUIET, SOON, assert_made_once, assert_no_changes, changes, deployment, generation, is,
    phases, service,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_version_goes_tier_by_tier() -> Result<()> {
    scene("change-version", async |scene| {
        scene.apply(json!({"version": OLD})).await?;
        scene.until_ready().await?;
        scene.quiet_for(QUIET).await?;
        let (recorder, from) = (Recorder::start(scene).await?, scene.proxy.calls().len());
        scene.edit(json!({"version": null})).await?;
        scene.until_ready().await?;
        assert_updated_in_order(&recorder.seen(), env!("CARGO_PKG_VERSION"));
        assert_made_once(scene, from);
        assert_eq!(phases(scene, from), ["Updating", "Ready"]);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_is_taken_back_tier_by_tier() -> Result<()> {
    scene("change-version-back", async |scene| {
        let new = concat!("gateway:", env!("CARGO_PKG_VERSION"));
        scene
            .pods_are(move |_, image| if image.ends_with(new) { Fate::Crashes("no") } else { Fate::Ready })
            .await?;
        scene
            .apply(json!({"version": OLD, "rollout": {"tierTimeout": SOON, "onFailure": "Rollback"}}))
            .await?;
        scene.until_ready().await?;
        let recorder = Recorder::start(scene).await?;
        scene.edit(json!({"version": null})).await?;
        let back = scene.until("it is taken back", is(Phase::RolledBack)).await?;
        assert_eq!(back.status.as_ref().and_then(|s| s.version.as_deref()), Some(OLD));
        let record = recorder.seen();
        assert_updated_in_order(&record, env!("CARGO_PKG_VERSION"));
        let stuck = began_anew(&record, "gateway").context("the gateway was changed")?;
        let way_back: Vec<_> = record.into_iter().filter(|seen| seen.version > stuck).collect();
        assert_updated_in_order(&way_back, OLD);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_waits_for_what_it_needs_and_for_nothing_else() -> Result<()> {
    scene("change-hotfix", async |scene| {
        crate::stuck::broken_images_break(scene).await?;
        scene.apply(json!({})).await?;
        scene.until_ready().await?;
        scene.edit(service("gateway", json!({"image": BROKEN}))).await?;
        scene.until("the gateway is broken", |p| status::message(p, "gateway").contains("CrashLoop")).await?;
        let hotfix = json!([{"name": "gateway", "image": BROKEN}, {"name": "user", "env": [{"name": "FIX", "value": "1"}]}]);
        scene.edit(json!({"services": hotfix})).await?;
        scene
            .eventually("user is mended", async || {
                let user = deployment(scene, "user").await?.context("user is there")?;
                let status = user.status.unwrap_or_default();
                let seen = status.observed_generation == Some(2) && user.metadata.generation == Some(2);
                Ok((seen && status.updated_replicas == Some(1) && status.replicas == Some(1)).then_some(()))
            })
            .await?;
        assert_eq!((generation(scene, "auth").await?, generation(scene, "gateway").await?), (Some(1), Some(2)));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_switched_off_go_in_the_reverse_order_and_come_back_with_their_keys() -> Result<()>
{
    scene("change-off", async |scene| {
        scene.apply(json!({})).await?;
        scene.until_ready().await?;
        let secrets = secrets(scene).await?;
        let recorder = Recorder::start(scene).await?;
        let off = json!([{"name": "user", "enabled": false}, {"name": "gateway", "enabled": false}]);
        scene.edit(json!({"services": off})).await?;
        scene.until_ready().await?;
        scene
            .eventually("they are gone", async || {
                let left = (deployment(scene, "user").await?, deployment(scene, "gateway").await?);
                Ok((left == (None, None)).then_some(()))
            })
            .await?;
        let record = recorder.seen();
        let (gone, touched) = (gone(&record, "gateway"), touched(&record, "user"));
        assert!(
            gone.is_some() && gone < touched,
            "the gateway went at {gone:?}, user was removed at {touched:?}"
        );
        assert_eq!(touched_any(&record, &["auth", "postgres"]), None);
        scene.edit(json!({"services": []})).await?;
        scene.until_ready().await?;
        assert_eq!(self::secrets(scene).await?, secrets);
        Ok(())
    })
    .await
}

/// When the unit was first changed.
fn began_anew(record: &[Seen], unit: &str) -> Option<u64> {
    let first = record.iter().find(|seen| {
        seen.unit == unit && seen.kind == "Deployment" && seen.object["metadata"]["generation"] == 2
    });
    first.map(|seen| seen.version)
}

fn touched_any(record: &[Seen], units: &[&str]) -> Option<u64> {
    units.iter().find_map(|unit| touched(record, unit))
}

/// What each Secret holds.
async fn secrets(scene: &Scene) -> Result<Vec<String>> {
    use k8s_openapi::api::core::v1::Secret;
    let all = scene.api::<Secret>().list(&kube::api::ListParams::default()).await?;
    all.iter().map(|secret| Ok(serde_json::to_string(&(&secret.metadata.name, &secret.data))?)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_paused_nothing_is_written_but_the_status_and_then_everything_at_once() -> Result<()> {
    scene("change-paused", async |scene| {
        scene.apply(json!({})).await?;
        scene.until_ready().await?;
        scene.edit(json!({"paused": true})).await?;
        scene.until("it is paused", is(Phase::Paused)).await?;
        let from = scene.proxy.calls().len();
        scene.edit(service("user", json!({"replicas": 3}))).await?;
        let user = scene.api::<k8s_openapi::api::apps::v1::Deployment>();
        user.delete("orion-gateway", &Default::default()).await?;
        scene.until("it has seen that", is(Phase::Paused)).await?;
        // Longer than it takes to look again at what is under way.
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_no_changes(scene, from);
        scene.crash().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_no_changes(scene, from);
        scene.edit(json!({"paused": false})).await?;
        scene.until_ready().await?;
        assert_eq!(deployment(scene, "user").await?.and_then(|user| user.spec?.replicas), Some(3));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_made_paused_waits_and_can_be_deleted() -> Result<()> {
    scene("change-made-paused", async |scene| {
        scene.apply(json!({"paused": true})).await?;
        scene.until("it is paused", is(Phase::Paused)).await?;
        assert_no_changes(scene, 0);
        scene.platforms.delete("orion", &Default::default()).await?;
        scene
            .eventually("it is gone", async || {
                Ok(scene.platforms.get_opt("orion").await?.is_none().then_some(()))
            })
            .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn under_manual_updates_a_newer_operator_waits_for_approval_and_edits_go_through() -> Result<()> {
    scene("change-manual", async |scene| {
        let operator = |tag: &str| {
            [
                "--leader-elect=false".to_owned(),
                format!("--storekeeper-image=registry.test/storekeeper:{tag}"),
            ]
        };
        scene.stop().await?;
        scene.start_with(&operator("old")).await;
        scene.apply(json!({"updates": "Manual"})).await?;
        scene.until_ready().await?;
        scene.quiet_for(QUIET).await?;
        scene.stop().await?;

        let from = scene.proxy.calls().len();
        scene.start_with(&operator("new")).await;
        let held = scene.until("an update is on offer", |p| status::is_true(p, "UpdateAvailable")).await?;
        assert!(status::is_true(&held, "Ready"), "{}", status::told(&held));
        scene.quiet_for(QUIET).await?;
        assert_no_changes(scene, from);

        scene.edit(service("user", json!({"replicas": 2}))).await?;
        let edited = scene.until_ready().await?;
        assert!(status::is_true(&edited, "UpdateAvailable"), "{}", status::told(&edited));
        let jobs = |from: usize| changes(scene, from).iter().filter(|call| call.on("jobs")).count();
        assert_eq!((generation(scene, "user").await?, jobs(from)), (Some(2), 0));
        assert_eq!(
            (generation(scene, "auth").await?, generation(scene, "gateway").await?),
            (Some(1), Some(1))
        );

        let offered = edited.status.and_then(|s| s.available_revision).context("what is on offer")?;
        scene.annotate(APPROVE, Some(&offered)).await?;
        let updated = scene
            .until("the update is made", |p| !status::is_true(p, "UpdateAvailable") && status::is_ready(p))
            .await?;
        assert_eq!(updated.status.and_then(|s| s.revision), Some(offered));
        scene.eventually("provisioning ran anew", async || Ok((jobs(from) >= 1).then_some(()))).await
    })
    .await
}
