//! The operator may be killed at any moment of an install: the next one goes on where it was.

use std::collections::BTreeMap;

use anyhow::Result;
use e2e::arena::OPERATOR;
use e2e::record::{Change, Recorder, Seen};
use e2e::{Arena, eventually, scene};
use k8s_openapi::api::coordination::v1::Lease;
use serde_json::json;

use crate::operator_install::assert_nothing_restarted;
use e2e::order::{assert_installed_in_order, began, steps};

#[tokio::test(flavor = "multi_thread")]
async fn an_install_whose_operator_is_killed_at_every_tier_completes_and_makes_nothing_twice() -> Result<()> {
    scene("operator-restart", async |arena| {
        let recorder = Recorder::start(arena).await?;
        arena.apply(json!({})).await?;
        for step in steps() {
            killed_once_begun(arena, &recorder, &step).await?;
        }
        arena.until_ready().await?;
        let record = recorder.seen();
        assert_installed_in_order(&record);
        assert_nothing_was_made_twice(&record);
        assert_nothing_restarted(arena).await?;
        // As many took over as were killed: each had led, and none of them came back.
        let lease = arena.api::<Lease>().get(OPERATOR).await?.spec.unwrap_or_default();
        assert_eq!(lease.lease_transitions.map(usize::try_from), Some(Ok(steps().len())));
        Ok(())
    })
    .await
}

async fn killed_once_begun(arena: &Arena, recorder: &Recorder, step: &[&str]) -> Result<()> {
    let begun = async || {
        let record = recorder.seen();
        Ok(step.iter().any(|unit| began(&record, unit).is_some()).then_some(()))
    };
    eventually(&format!("one of {step:?} is begun"), begun).await?;
    arena.kill_operator().await
}

/// Each object was made once, none was removed, none got a second version of what it runs.
#[track_caller]
fn assert_nothing_was_made_twice(record: &[Seen]) {
    let mut made: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut pods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for seen in record.iter().filter(|seen| seen.kind != "OrionPlatform") {
        assert_ne!(seen.change, Change::Deleted, "{} {} was removed", seen.kind, seen.name);
        if seen.change == Change::Added {
            made.entry((&seen.kind, &seen.name)).or_default().push(seen.uid());
        }
        if seen.change == Change::Added && seen.kind == "Pod" {
            pods.entry(&seen.unit).or_default().push(&seen.name);
        }
        let runs = matches!(seen.kind.as_str(), "Deployment" | "StatefulSet");
        assert!(
            !runs || seen.object["metadata"]["generation"] == 1,
            "{} {} was changed",
            seen.kind,
            seen.name
        );
    }
    made.retain(|_, uids| uids.len() > 1);
    assert!(made.is_empty(), "made twice: {made:?}");
    pods.retain(|_, names| names.len() > 1);
    assert!(pods.is_empty(), "more pods than were asked for: {pods:?}");
}
