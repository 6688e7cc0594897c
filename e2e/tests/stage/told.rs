//! Events tell each turn of a platform once, whatever becomes of the operator meanwhile.

use anyhow::Result;
use e2e::stage::actor::Fate;
use e2e::stage::call::Call;
use e2e::stage::fault::{Fault, Script};
use e2e::stage::{Scene, scene};
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use operator::api::Phase;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::{QUIET, is};

/// Reason and note of each Event about the platform, the oldest first.
async fn told(scene: &Scene) -> Result<Vec<(String, String)>> {
    let mut events = scene.api::<Event>().list(&ListParams::default()).await?.items;
    let about =
        |event: &Event| event.regarding.as_ref().is_some_and(|r| r.kind.as_deref() == Some("OrionPlatform"));
    events.retain(about);
    events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
    Ok(events.into_iter().map(|e| (e.reason.unwrap_or_default(), e.note.unwrap_or_default())).collect())
}

fn reasons(told: &[(String, String)]) -> Vec<&str> {
    told.iter().map(|(reason, _)| reason.as_str()).collect()
}

/// This fault for the first try to write each Event, and for every other of the first statuses.
fn whenever_it_tells(fault: Fault) -> Script {
    let (events, statuses) = (Mutex::new(BTreeSet::new()), AtomicUsize::new(0));
    Arc::new(move |call: &Call| {
        let hit = match call.verb {
            "create" if call.on("events") => {
                events.lock().is_ok_and(|mut seen| seen.insert(call.name.clone()))
            }
            "patch" if call.subresource == "status" => {
                let before = statuses.fetch_add(1, Ordering::SeqCst);
                before < 16 && before.is_multiple_of(2)
            }
            _ => false,
        };
        if hit { fault } else { Fault::None }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_turn_of_an_install_is_told_once_wherever_the_operator_is_killed() -> Result<()> {
    for (fault, name) in [(Fault::CrashAfter, "after"), (Fault::CrashBefore, "before")] {
        scene(&format!("told-killed-{name}"), async |scene| {
            scene.proxy.play(Some(whenever_it_tells(fault)));
            scene.apply(json!({})).await?;
            scene.until_ready().await?;
            scene.quiet_for(QUIET).await?;
            let told = told(scene).await?;
            let mut reasons = reasons(&told);
            assert_eq!(reasons.first(), Some(&"Installing"));
            reasons.sort_unstable();
            let mut once = reasons.clone();
            once.dedup();
            assert_eq!(reasons, once, "{told:?}");
            for reason in ["Ready", "DataReady", "AuthReady", "BusinessReady", "GatewayReady"] {
                assert!(reasons.contains(&reason), "{reason} was not told: {told:?}");
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_turn_a_second_time_is_told_with_its_own_cause() -> Result<()> {
    scene("told-twice", async |scene| {
        let fate = Arc::new(AtomicUsize::new(0));
        let now = Arc::clone(&fate);
        let fates =
            [Fate::Ready, Fate::Crashes("the first cause"), Fate::Ready, Fate::Crashes("the second cause")];
        let policy = move |unit: &str, _: &str| match unit {
            "user" => fates[now.load(Ordering::Relaxed)].clone(),
            _ => Fate::Ready,
        };
        scene.pods_are(policy.clone()).await?;
        scene.apply(json!({})).await?;
        scene.until_ready().await?;
        for (turn, phase) in [(1, Phase::Degraded), (2, Phase::Ready), (3, Phase::Degraded)] {
            fate.store(turn, Ordering::Relaxed);
            // The pods that are there are looked at anew.
            scene.pods_are(policy.clone()).await?;
            scene.until("it turns", is(phase)).await?;
        }
        scene.quiet_for(QUIET).await?;
        let told = told(scene).await?;
        let causes: Vec<&String> =
            told.iter().filter(|(reason, _)| reason == "Degraded").map(|(_, note)| note).collect();
        assert!(
            matches!(&causes[..], [a, b] if a.contains("the first cause") && b.contains("the second cause")),
            "{told:?}"
        );
        Ok(())
    })
    .await
}
