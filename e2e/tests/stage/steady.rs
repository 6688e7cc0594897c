//! At rest: a platform that is as it should be costs a Lease, and nothing else.

use anyhow::Result;
use e2e::stage::{Scene, call::Call};
use serde_json::json;
use std::time::Duration;

use crate::support::QUIET;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_at_rest_calls_for_its_lease_only() -> Result<()> {
    let scene = Scene::new("steady").await?.with(&[]);
    scene.start().await;
    scene.apply(json!({})).await?;
    scene.until_ready().await?;
    let aside = |call: &Call| call.verb == "watch" || call.on("leases");
    let last =
        |scene: &Scene| scene.proxy.calls().iter().filter(|call| !aside(call)).map(|call| call.at).max();
    scene
        .eventually("it is at rest", async || {
            Ok(last(&scene).is_none_or(|last| last + QUIET < scene.proxy.now()).then_some(()))
        })
        .await?;
    let from = scene.proxy.calls().len();
    tokio::time::sleep(Duration::from_secs(15)).await;
    let calls = scene.proxy.calls().split_off(from);
    let loud: Vec<String> = calls.iter().filter(|call| !aside(call)).map(Call::told).collect();
    assert!(loud.is_empty(), "at rest the operator asked\n{}", loud.join("\n"));
    let renewed = calls.iter().filter(|call| call.on("leases") && call.code == Some(200)).count();
    assert!((1..=5).contains(&renewed), "the lease was renewed {renewed} times in 15 s");
    // Handed on, not left to run out: the next one leads at once.
    scene.stop().await?;
    let released = scene.proxy.calls().last().map(|call| call.body["spec"]["holderIdentity"].clone());
    assert_eq!(released, Some(json!("")));
    Ok(())
}
