//! What the operator knows is always a little old, and may be much older: nothing is made twice or deleted for that.

use anyhow::Result;
use e2e::stage::fault::{Fault, every};
use e2e::stage::{Scene, scene};
use kube::api::DeleteParams;
use serde_json::json;
use std::time::Duration;

use crate::support::{OLD, QUIET, assert_made_once};

#[tokio::test(flavor = "multi_thread")]
async fn watches_that_are_seconds_late_make_an_operator_make_nothing_twice_and_delete_nothing() -> Result<()>
{
    scene("stale-late", async |scene| {
        scene.proxy.delay_watches(Duration::from_secs(2));
        installed_and_updated(scene).await?;
        assert_made_once(scene, 0);
        Ok(())
    })
    .await
}

/// Every watch is ended, and can't be taken up where it was: all is listed anew.
#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_read_anew_at_any_moment_make_an_operator_make_nothing_twice_and_delete_nothing()
-> Result<()> {
    scene("stale-lists", async |scene| {
        scene.proxy.play(Some(every(2, Fault::Expire, |call| call.verb == "watch")));
        let cutting = scene.cut_watches_every(Duration::from_millis(500));
        let done = installed_and_updated(scene).await;
        cutting.abort();
        done?;
        assert_made_once(scene, 0);
        let calls = scene.proxy.calls();
        let read = calls.iter().filter(|call| call.query.contains("sendInitialEvents=true")).count();
        // Twice each of the kinds there are, at least.
        assert!(read > 35, "only {read} times all of a kind was read: nothing was read anew");
        Ok(())
    })
    .await
}

/// A crash on top: the next operator begins with lists, while watches bring what was before.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_is_late_and_dies_often_makes_nothing_twice_and_deletes_nothing() -> Result<()> {
    scene("stale-crash", async |scene| {
        scene.proxy.delay_watches(Duration::from_secs(1));
        scene.apply(json!({})).await?;
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(1700)).await;
            scene.crash().await;
        }
        scene.until_ready().await?;
        scene.quiet_for(QUIET).await?;
        assert_made_once(scene, 0);
        Ok(())
    })
    .await
}

/// For a while the operator sees the platform that was, under the name of the one that is.
#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_deleted_and_made_anew_under_late_watches_is_installed() -> Result<()> {
    scene("stale-anew", async |scene| {
        scene.apply(json!({"deletionPolicy": "Delete"})).await?;
        scene.until_ready().await?;
        scene.proxy.delay_watches(Duration::from_secs(2));
        scene.platforms.delete("orion", &DeleteParams::default()).await?;
        scene.eventually("it is made anew", async || Ok(scene.apply(json!({})).await.ok())).await?;
        scene.until_ready().await.map(drop)
    })
    .await
}

async fn installed_and_updated(scene: &Scene) -> Result<()> {
    scene.apply(json!({"version": OLD})).await?;
    scene.until_ready().await?;
    scene.edit(json!({"version": null})).await?;
    scene.until_ready().await?;
    scene.quiet_for(QUIET).await
}
