//! What runs is always a stored revision: a rollout that fails is taken back, a person may go back, a change of version
//! goes tier by tier, and a newer operator changes nothing until that is approved.

use anyhow::{Context, Result};
use e2e::record::{Recorder, Seen};
use e2e::{Arena, eventually, scene, status};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;
use operator::api::{OrionPlatform, Phase};
use operator::controller::revisions::{APPROVE, ROLLBACK_TO};
use serde_json::{Value, json};

pub(crate) const SERVICES: [&str; 3] = ["auth", "user", "gateway"];

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_fails_is_taken_back_once_and_stays_back_until_the_spec_changes() -> Result<()> {
    scene("revisions-rollback", async |arena| {
        let rollout = json!({"tierTimeout": "20s", "onFailure": "Rollback"});
        arena.apply(json!({"rollout": rollout})).await?;
        let good = revision(&arena.until_ready().await?);
        let pods = pods(arena).await?;

        let wrong = json!({"services": [{"name": "user", "image": "ghcr.io/orion-platform/user:broken"}]});
        arena.edit(wrong).await?;
        let back = arena.until("the rollout is taken back", |p| phase(p) == Some(Phase::RolledBack)).await?;
        assert_eq!((revision(&back), status::observed(&back)), (good.clone(), back.metadata.generation));
        for (condition, is) in
            [("Ready", false), ("Stalled", true), ("Degraded", true), ("Reconciling", false)]
        {
            assert_eq!(status::is_true(&back, condition), is, "{condition}: {}", status::told(&back));
        }
        let told = back.status.as_ref().and_then(|s| s.rollback.as_ref()).context("it says what failed")?;
        assert!(told.cause.contains("user:broken") && told.from != good, "{}", status::told(&back));
        assert_eq!(self::pods(arena).await?, pods, "what ran well before was never touched");

        let user = arena.api::<Deployment>().get("orion-user").await?.metadata.generation;
        // Longer than the timeout: whatever would try again has had the time for it.
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        assert_eq!(arena.api::<Deployment>().get("orion-user").await?.metadata.generation, user, "a loop");

        arena.edit(json!({"services": []})).await?;
        let ready = arena.until_ready().await?;
        assert!(ready.status.is_some_and(|s| s.rollback.is_none()));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_go_back_until_the_next_change_and_the_history_is_bounded() -> Result<()> {
    scene("revisions-history", async |arena| {
        arena.apply(json!({"rollout": {"revisionHistoryLimit": 3}})).await?;
        let first = revision(&arena.until_ready().await?);
        arena.edit(log_of_user("debug")).await?;
        let edited = arena.until_ready().await?;
        assert_ne!(revision(&edited), first);

        let generation = edited.metadata.generation.unwrap_or_default();
        arena.annotate(ROLLBACK_TO, Some(&format!("{first}@{generation}"))).await?;
        let back = arena.until("it runs as before", |p| phase(p) == Some(Phase::RolledBack)).await?;
        assert_eq!(revision(&back), first);
        assert!(!log_levels(arena).await?.contains("debug"));

        for level in ["warn", "error", "trace", "info"] {
            arena.edit(log_of_user(level)).await?;
            arena
                .until("the edit is what is wanted", |p| status::observed(p) == p.metadata.generation)
                .await?;
        }
        let now = revision(&arena.until_ready().await?);
        let history = eventually("the history is trimmed", async || {
            let own = ListParams::default().labels("orion.dev/revision");
            let stored = arena.api::<ControllerRevision>().list(&own).await?.items;
            Ok((stored.len() <= 3).then_some(stored))
        })
        .await?;
        let newest = history.iter().max_by_key(|stored| stored.revision).context("a history")?;
        assert_eq!(newest.labels().get("orion.dev/revision"), Some(&now));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_version_goes_tier_by_tier() -> Result<()> {
    scene("revisions-version", async |arena| {
        for service in SERVICES {
            arena.ground.load_as(service, "0.0.9").await?;
        }
        arena.apply(json!({"version": "0.0.9"})).await?;
        arena.until_ready().await?;
        let recorder = Recorder::start(arena).await?;
        arena.edit(json!({"version": null})).await?;
        let ready = arena.until_ready().await?;
        assert_eq!(ready.status.and_then(|s| s.version).as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert_upgraded_in_order(&recorder.seen())
    })
    .await
}

/// No service was changed before the one below it ran the new version.
pub(crate) fn assert_upgraded_in_order(record: &[Seen]) -> Result<()> {
    for (lower, upper) in SERVICES.iter().zip(&SERVICES[1..]) {
        let (done, began) = (new_pod_ready(record, lower)?, first_changed(record, upper)?);
        assert!(done < began, "{upper} was changed at {began}, {lower} ran the new version at {done}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_operator_changes_nothing_until_that_is_approved_but_edits_go_through() -> Result<()> {
    scene("revisions-manual", async |arena| {
        arena.apply(json!({"updates": "Manual"})).await?;
        arena.until_ready().await?;
        let pods = pods(arena).await?;

        let newer = arena.ground.load_next().await?;
        arena.replace_operator(&newer).await?;
        let held = arena.until("an update is on offer", |p| status::is_true(p, "UpdateAvailable")).await?;
        assert!(status::is_true(&held, "Ready"), "{}", status::told(&held));
        assert_eq!((self::pods(arena).await?, jobs_run(arena, &newer).await?), (pods.clone(), false));

        arena.edit(log_of_user("debug")).await?;
        let edited = arena.until_ready().await?;
        assert!(status::is_true(&edited, "UpdateAvailable") && log_levels(arena).await?.contains("debug"));
        let now = self::pods(arena).await?;
        let changed: Vec<&String> = SERVICES
            .iter()
            .zip(pods.iter().zip(&now))
            .filter(|(_, (a, b))| a != b)
            .map(|(_, (a, _))| a)
            .collect();
        assert_eq!((changed.len(), jobs_run(arena, &newer).await?), (1, false), "only user: {changed:?}");

        let available = edited.status.and_then(|s| s.available_revision).context("what is on offer")?;
        arena.annotate(APPROVE, Some(&available)).await?;
        let updated =
            arena.until("the update is made", |p| revision(p) == available && status::is_ready(p)).await?;
        assert!(!status::is_true(&updated, "UpdateAvailable") && jobs_run(arena, &newer).await?);
        assert_eq!(updated.status.and_then(|s| s.version), Some(newer));

        // The older build again: it reads what the newer one has stored, and is no more at liberty than that one was.
        let pods = self::pods(arena).await?;
        arena.replace_operator(env!("CARGO_PKG_VERSION")).await?;
        let held = arena.until("an update is on offer", |p| status::is_true(p, "UpdateAvailable")).await?;
        assert!(status::is_true(&held, "Ready") && revision(&held) == available, "{}", status::told(&held));
        assert_eq!(self::pods(arena).await?, pods);
        Ok(())
    })
    .await
}

fn phase(platform: &OrionPlatform) -> Option<Phase> {
    platform.status.as_ref()?.phase
}

fn revision(platform: &OrionPlatform) -> String {
    platform.status.as_ref().and_then(|s| s.revision.clone()).unwrap_or_default()
}

fn log_of_user(level: &str) -> Value {
    json!({"services": [{"name": "user", "env": [{"name": "ORION_LOG", "value": level}]}]})
}

/// The pods of each service that serve, by their ids.
async fn pods(arena: &Arena) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for service in SERVICES {
        let pods = arena.pods(service).await?;
        let serving = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && is_ready(pod));
        all.push(serving.filter_map(ResourceExt::uid).collect::<Vec<_>>().join(" "));
    }
    Ok(all)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
}

async fn log_levels(arena: &Arena) -> Result<String> {
    let user = arena.api::<Deployment>().get("orion-user").await?;
    Ok(serde_json::to_string(&user.spec.map(|spec| spec.template))?)
}

/// Whether any provisioning is of this version.
async fn jobs_run(arena: &Arena, version: &str) -> Result<bool> {
    let image = format!("storekeeper:{version}\"");
    let jobs = arena.api::<Job>().list(&ListParams::default()).await?;
    Ok(jobs.iter().any(|job| serde_json::to_string(&job.spec).is_ok_and(|spec| spec.contains(&image))))
}

fn image_of(seen: &Seen) -> &str {
    let spec = match seen.kind.as_str() {
        "Pod" => &seen.object["spec"],
        _ => &seen.object["spec"]["template"]["spec"],
    };
    spec["containers"][0]["image"].as_str().unwrap_or_default()
}

fn is_new(seen: &Seen) -> bool {
    image_of(seen).ends_with(concat!(":", env!("CARGO_PKG_VERSION")))
}

fn new_pod_ready(record: &[Seen], unit: &str) -> Result<u64> {
    let ready = record.iter().find(|seen| seen.unit == unit && seen.is_ready_pod() && is_new(seen));
    ready.map(|seen| seen.version).with_context(|| format!("{unit} never ran the new version"))
}

/// When the unit was first told to run the new version.
pub(crate) fn first_changed(record: &[Seen], unit: &str) -> Result<u64> {
    let changed = record.iter().find(|seen| seen.unit == unit && seen.kind == "Deployment" && is_new(seen));
    changed.map(|seen| seen.version).with_context(|| format!("{unit} was never changed"))
}
