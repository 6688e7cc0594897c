//! An install goes tier by tier, and says ready when it is and not before.

use anyhow::{Context, Result};
use e2e::record::{Recorder, Seen};
use e2e::{Arena, scene, status};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

use e2e::order::{assert_installed_in_order, steps};

#[tokio::test(flavor = "multi_thread")]
async fn the_tiers_come_up_in_order_and_ready_is_said_of_the_current_spec_only() -> Result<()> {
    scene("operator-install", async |arena| {
        let recorder = Recorder::start(arena).await?;
        arena.apply(json!({})).await?;
        let platform = arena.until_ready().await?;
        for tier in platform.status.iter().flat_map(|status| &status.tiers) {
            assert_eq!(tier.ready, tier.desired, "{tier:?}");
        }
        assert_installed_in_order(&recorder.seen());
        assert_in_order_by_timestamps(arena).await?;
        assert_nothing_restarted(arena).await?;

        an_edit_reaches_what_it_is_about_and_nothing_else(arena).await?;
        assert_ready_is_never_ahead(&recorder.seen());
        Ok(())
    })
    .await
}

/// What anybody can check afterwards, from the objects alone. Timestamps are whole seconds.
async fn assert_in_order_by_timestamps(arena: &Arena) -> Result<()> {
    let steps = steps();
    for (before, after) in steps.iter().zip(steps.iter().skip(1)) {
        for lower in before {
            let done = done(arena, lower).await?;
            for upper in after {
                let made = made(arena, upper).await?;
                assert!(done <= made, "{upper} was made at {made}, {lower} was ready at {done}");
            }
        }
    }
    Ok(())
}

fn of(unit: &str) -> ListParams {
    ListParams::default().labels(&format!("app.kubernetes.io/name={unit},app.kubernetes.io/instance=orion"))
}

async fn made(arena: &Arena, unit: &str) -> Result<Timestamp> {
    let mut made = Vec::new();
    made.extend(arena.api::<Deployment>().list(&of(unit)).await?.iter().map(ResourceExt::creation_timestamp));
    made.extend(
        arena.api::<StatefulSet>().list(&of(unit)).await?.iter().map(ResourceExt::creation_timestamp),
    );
    made.extend(arena.api::<Job>().list(&of(unit)).await?.iter().map(ResourceExt::creation_timestamp));
    let first = made.into_iter().flatten().map(|time| time.0).min();
    first.with_context(|| format!("nothing runs {unit}"))
}

async fn done(arena: &Arena, unit: &str) -> Result<Timestamp> {
    let pods = arena.pods(unit).await?;
    let done = pods.iter().filter_map(|pod| ready_since(pod).or_else(|| succeeded_at(pod)));
    done.max().with_context(|| format!("{unit} is not ready"))
}

fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready =
        conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// Of a Job's pod.
fn succeeded_at(pod: &Pod) -> Option<Timestamp> {
    let status = pod.status.as_ref().filter(|status| status.phase.as_deref() == Some("Succeeded"))?;
    let ended = status.container_statuses.iter().flatten();
    let ended =
        ended.filter_map(|container| container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
    ended.map(|time| time.0).max()
}

pub(crate) async fn assert_nothing_restarted(arena: &Arena) -> Result<()> {
    for pod in arena.api::<Pod>().list(&ListParams::default()).await? {
        let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        for container in containers.into_iter().flatten() {
            assert_eq!(container.restart_count, 0, "{}/{}", pod.name_any(), container.name);
        }
    }
    Ok(())
}

async fn an_edit_reaches_what_it_is_about_and_nothing_else(arena: &Arena) -> Result<()> {
    let before = pod_uids(arena).await?;
    arena
        .edit(json!({"services": [{"name": "auth", "env": [{"name": "ORION_LOG", "value": "debug"}]}]}))
        .await?;
    let platform = arena.until_ready().await?;
    assert_eq!(status::observed(&platform), Some(2));
    let after = pod_uids(arena).await?;
    let changed = |unit: &str| {
        before.iter().find(|(name, _)| name == unit) != after.iter().find(|(name, _)| name == unit)
    };
    let changed: Vec<_> = e2e::order::units().into_iter().filter(|unit| changed(unit)).collect();
    assert_eq!(changed, ["auth"]);
    Ok(())
}

/// The pods of each unit that are not on their way out.
async fn pod_uids(arena: &Arena) -> Result<Vec<(String, Vec<String>)>> {
    let mut uids = Vec::new();
    for unit in e2e::order::units() {
        let pods = arena.pods(unit).await?;
        let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        uids.push((unit.to_owned(), staying.filter_map(ResourceExt::uid).collect()));
    }
    Ok(uids)
}

/// Wherever Ready is true, it is about the generation that the status is about; and the edit is not called ready
/// before a pod with it was.
#[track_caller]
fn assert_ready_is_never_ahead(record: &[Seen]) {
    let debugs = |seen: &Seen| seen.object["spec"].to_string().contains(r#""value":"debug""#);
    let edited = record.iter().find(|seen| seen.unit == "auth" && seen.is_ready_pod() && debugs(seen));
    let edited = edited.expect("a pod with the edit was ready").version;
    for seen in record.iter().filter(|seen| seen.kind == "OrionPlatform") {
        let status = &seen.object["status"];
        let conditions = status["conditions"].as_array().into_iter().flatten();
        for ready in conditions.filter(|c| c["type"] == "Ready" && c["status"] == "True") {
            assert_eq!(ready["observedGeneration"], status["observedGeneration"]);
            if status["observedGeneration"] == 2 {
                assert!(seen.version > edited, "ready was said at {}, before the edit ran", seen.version);
            }
        }
    }
}
