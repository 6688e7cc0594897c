//! An API server that refuses, is out of breath, hangs, or breaks off: whatever it does to a share of all calls, an
//! install and an update end as if it had not, and the operator doesn't run wild over it.

use anyhow::{Context, Result, ensure};
use e2e::stage::call::Call;
use e2e::stage::fault::{Fault, Script, every};
use e2e::stage::state::State;
use e2e::stage::{Scene, scene, state};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{OLD, QUIET};

/// What happens, and to each how manieth call.
const FAULTS: [(&str, usize, Fault); 9] = [
    ("conflict", 4, Fault::Answer(409)),
    ("too-many", 4, Fault::AnswerLater(429, 1)),
    ("error", 4, Fault::Answer(500)),
    ("unavailable", 4, Fault::Answer(503)),
    ("gateway-timeout", 4, Fault::Answer(504)),
    ("hang", 20, Fault::Hang),
    ("break-before", 4, Fault::BreakBefore),
    ("break-after", 4, Fault::BreakAfter),
    ("forbidden", 4, Fault::Answer(403)),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_install_and_an_update_end_the_same_whatever_the_api_server_does_to_a_share_of_the_calls()
-> Result<()> {
    let (expected, calls) = story("faults-none", None).await?;
    let runs = FAULTS.map(|(name, nth, fault)| {
        let expected = &expected;
        async move {
            let name = format!("faults-{name}");
            let script = every(nth, fault, |call: &Call| call.verb != "watch");
            let (there, made) = story(&name, Some(script)).await?;
            if let Some(difference) = there.difference(expected) {
                anyhow::bail!("{name}:\n{difference}");
            }
            // A refused call is made again, after a pause: a loop without one would make thousands.
            ensure!(made < 8 * calls, "{name}: {made} calls, undisturbed {calls}");
            Ok(())
        }
    });
    futures::future::try_join_all(runs).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_that_are_cut_again_and_again_change_nothing() -> Result<()> {
    let (expected, _) = story("faults-watches-none", None).await?;
    let there = scene("faults-watches", async |scene| {
        let cutting = scene.cut_watches_every(Duration::from_millis(700));
        let there = play(scene).await;
        cutting.abort();
        there
    });
    match there.await?.difference(&expected) {
        None => Ok(()),
        Some(difference) => anyhow::bail!(difference),
    }
}

/// While nothing works at all, the pauses grow.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_the_middle_of_an_install_is_sat_out_quietly() -> Result<()> {
    scene("faults-outage", async |scene| {
        scene.apply(json!({})).await?;
        scene.eventually("it has begun", async || Ok((scene.proxy.calls().len() > 40).then_some(()))).await?;
        scene.proxy.play(Some(Arc::new(|_| Fault::Answer(500))));
        scene.proxy.cut_watches();
        let from = scene.proxy.calls().len();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let calls = scene.proxy.calls().len() - from;
        let watched = operator::controller::kinds::KINDS.len() + 1;
        ensure!(calls < 12 * watched, "{calls} calls in an outage of 10 s, with {watched} watches");
        scene.proxy.play(None);
        scene.until_ready().await.map(drop)
    })
    .await
}

/// An install and an update while this happens to calls; what there is in the end, and how many calls it took.
async fn story(name: &str, script: Option<Script>) -> Result<(State, usize)> {
    let outcome = scene(name, async |scene| {
        scene.proxy.play(script.clone());
        Ok((play(scene).await?, scene.proxy.calls().len()))
    });
    outcome.await.with_context(|| name.to_owned())
}

async fn play(scene: &Scene) -> Result<State> {
    scene.apply(json!({"version": OLD})).await?;
    scene.until_ready().await?;
    scene.edit(json!({"version": null, "services": [{"name": "gateway", "replicas": 2}]})).await?;
    scene.until_ready().await?;
    scene.proxy.play(None);
    scene.quiet_for(QUIET).await?;
    state::of(scene).await
}
