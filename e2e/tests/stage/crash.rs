//! The operator is killed at every call by which it changes anything, just after the API server has done it, and just
//! before: what comes of it in the end is what comes of it undisturbed.

use anyhow::{Context, Result, ensure};
use e2e::stage::actor::Fate;
use e2e::stage::fault::{Fault, Script, every_from, nth};
use e2e::stage::state::State;
use e2e::stage::{Scene, scene, state};
use e2e::status;
use futures::future::LocalBoxFuture;
use futures::{StreamExt, TryStreamExt};
use operator::api::Phase;
use serde_json::json;

use crate::support::{BROKEN, OLD, QUIET, SOON, is, service};

/// A run's operator is killed at every seventh write, so that seven runs together have it killed at each one.
const STRIDE: usize = 7;
/// With this set, a run's operator is killed once, and there are as many runs as there are writes. It takes long.
const SINGLY: &str = "ORION_STAGE_CRASH_SINGLY";
/// How many of the runs are under way at a time.
const AT_ONCE: usize = 4;

/// What is there before, and what is done while the operator dies.
#[derive(Clone, Copy)]
struct Story {
    name: &'static str,
    before: Step,
    disturbed: Step,
}

type Step = for<'a> fn(&'a Scene) -> LocalBoxFuture<'a, Result<()>>;

#[tokio::test(flavor = "multi_thread")]
async fn an_install_ends_the_same_wherever_the_operator_is_killed() -> Result<()> {
    everywhere(Story {
        name: "install",
        before: |_| Box::pin(async { Ok(()) }),
        disturbed: |scene| {
            Box::pin(async {
                scene.apply(json!({"exposure": {"nodePort": {}}})).await?;
                scene.until_ready().await.map(drop)
            })
        },
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_ends_the_same_wherever_the_operator_is_killed() -> Result<()> {
    everywhere(Story {
        name: "update",
        before: |scene| {
            Box::pin(async {
                let services = json!([{"name": "user", "replicas": 2}]);
                scene.apply(json!({"version": OLD, "services": services})).await?;
                scene.until_ready().await.map(drop)
            })
        },
        disturbed: |scene| {
            Box::pin(async {
                let services = json!([{"name": "user", "autoscaling": {"minReplicas": 2, "maxReplicas": 2}}]);
                let spec = json!({"version": null, "services": services, "exposure": {"nodePort": {}}});
                scene.edit(spec).await?;
                scene.until_ready().await.map(drop)
            })
        },
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_ends_the_same_wherever_the_operator_is_killed() -> Result<()> {
    everywhere(Story {
        name: "rollback",
        before: |scene| {
            Box::pin(async {
                let broken = |_: &str, image: &str| match image == BROKEN {
                    true => Fate::Crashes("it is broken"),
                    false => Fate::Ready,
                };
                scene.pods_are(broken).await?;
                scene.apply(json!({"rollout": {"tierTimeout": SOON, "onFailure": "Rollback"}})).await?;
                scene.until_ready().await.map(drop)
            })
        },
        disturbed: |scene| {
            Box::pin(async {
                scene.edit(service("user", json!({"image": BROKEN, "replicas": 2}))).await?;
                scene.until("it is rolled back", is(Phase::RolledBack)).await.map(drop)
            })
        },
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_ends_the_same_wherever_the_operator_is_killed() -> Result<()> {
    everywhere(Story {
        name: "delete",
        before: |scene| {
            Box::pin(async {
                scene.apply(json!({"exposure": {"nodePort": {}}})).await?;
                scene.until_ready().await.map(drop)
            })
        },
        disturbed: |scene| {
            Box::pin(async {
                scene.platforms.delete("orion", &Default::default()).await?;
                let gone = async || match scene.platforms.get_opt("orion").await? {
                    None => Ok(Some(())),
                    Some(platform) => anyhow::bail!("{}", status::told(&platform)),
                };
                scene.eventually("the platform is gone", gone).await
            })
        },
    })
    .await
}

/// Runs the story undisturbed, and then with the operator killed at every write of it.
async fn everywhere(story: Story) -> Result<()> {
    let (expected, writes) = run(story, "calm", None).await?;
    ensure!(writes > STRIDE, "{}: only {writes} writes", story.name);
    let singly = std::env::var_os(SINGLY).is_some();
    let runs = [(Fault::CrashAfter, "after"), (Fault::CrashBefore, "before")].into_iter().flat_map(
        |(fault, when)| {
            let last = if singly { writes } else { STRIDE };
            (1..=last).map(move |n| {
                let written = |call: &e2e::stage::call::Call| call.writes();
                let script = match singly {
                    true => nth(n, fault, written),
                    false => every_from(n, STRIDE, fault, written),
                };
                (format!("{when}-{n}"), script)
            })
        },
    );
    let compared = runs.map(|(name, script)| {
        let expected = &expected;
        async move {
            let (there, _) = run(story, &name, Some(script)).await?;
            match there.difference(expected) {
                None => Ok(()),
                Some(difference) => anyhow::bail!("{}, killed {name}:\n{difference}", story.name),
            }
        }
    });
    futures::stream::iter(compared.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await
}

/// What there is in the end, and how many writes it took.
async fn run(story: Story, name: &str, script: Option<Script>) -> Result<(State, usize)> {
    let name = format!("crash-{}-{name}", story.name);
    let outcome = scene(&name, async |scene| {
        (story.before)(scene).await.context("before")?;
        scene.quiet_for(QUIET).await?;
        let before = writes(scene);
        scene.proxy.play(script.clone());
        (story.disturbed)(scene).await?;
        scene.quiet_for(QUIET).await?;
        Ok((state::of(scene).await?, writes(scene) - before))
    });
    outcome.await.context(name)
}

fn writes(scene: &Scene) -> usize {
    scene.proxy.calls().iter().filter(|call| call.writes()).count()
}
