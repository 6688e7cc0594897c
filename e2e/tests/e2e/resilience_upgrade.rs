//! A new version comes in while people work, and nobody notices: not even when the operator dies at every tier of it.
//! A removal, too, goes on where it was.

use anyhow::Result;
use e2e::arena::PLATFORM;
use e2e::client::Gateway;
use e2e::load::Load;
use e2e::record::Recorder;
use e2e::{Arena, eventually, scene};
use kube::api::DeleteParams;
use serde_json::json;

use crate::operator_revisions::{SERVICES, assert_upgraded_in_order, first_changed};
use e2e::order::{assert_removed_in_reverse, steps, touched};

/// Not the one that other tests of this run put on the nodes.
const BEFORE: &str = "0.0.8";

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_killed_at_each_tier_costs_an_upgrade_no_request_and_a_removal_not_its_order()
-> Result<()> {
    scene("resilience-upgrade", async |arena| {
        for service in SERVICES {
            arena.ground.load_as(service, BEFORE).await?;
        }
        arena.apply(json!({"version": BEFORE, "exposure": {"nodePort": {}}})).await?;
        arena.until_ready().await?;
        let load = Load::start(&Gateway::of(arena).await?).await?;
        let recorder = Recorder::start(arena).await?;

        let began = load.now();
        arena.edit(json!({"version": null})).await?;
        for service in SERVICES {
            let changed = async || Ok(first_changed(&recorder.seen(), service).ok());
            eventually(&format!("{service} is changed"), changed).await?;
            arena.kill_operator().await?;
        }
        arena.until_ready().await?;
        arena.until_nothing_leaves().await?;
        let took = load.now() - began;

        let record = load.stop().await?;
        println!(
            "an upgrade of {} services, the operator killed at each: {took:.1?}: {record}",
            SERVICES.len()
        );
        record.unharmed("the upgrade")?;
        assert_upgraded_in_order(&recorder.seen())?;
        is_removed_in_order(arena, &recorder).await
    })
    .await
}

async fn is_removed_in_order(arena: &Arena, recorder: &Recorder) -> Result<()> {
    arena.platforms.delete(PLATFORM, &DeleteParams::default()).await?;
    for step in steps().iter().rev().filter(|step| **step != ["provision"]) {
        let begun = async || {
            let record = recorder.seen();
            Ok(step.iter().any(|unit| touched(&record, unit).is_some()).then_some(()))
        };
        eventually(&format!("the removal of one of {step:?} is begun"), begun).await?;
        arena.kill_operator().await?;
    }
    eventually("the platform is gone", async || {
        Ok(arena.platforms.get_opt(PLATFORM).await?.is_none().then_some(()))
    })
    .await?;
    assert_removed_in_reverse(&recorder.seen());
    Ok(())
}
