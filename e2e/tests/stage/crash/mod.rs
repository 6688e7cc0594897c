//! The operator is killed at every call that it makes, reads and the starts of watches too, just after the API server has
//! done it, and just before: what comes of it in the end is what comes of it undisturbed.

mod stories;

use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Context, Result, ensure};
use e2e::stage::call::Call;
use e2e::stage::fault::{Fault, Script, each_once, nth};
use e2e::stage::state::State;
use e2e::stage::{Scene, scene, state};
use futures::future::LocalBoxFuture;
use futures::{StreamExt, TryStreamExt};

use crate::support::QUIET;

/// In as many runs as this together the operator is killed at each call that is unlike the others: between two kills it
/// is to get somewhere.
const PARTS: u64 = 2;
/// In how many ways one thing is changed, at most, that are told apart.
const MOST: usize = 6;
/// With this set, a run's operator is killed once, and there are as many runs as there are calls. It takes long.
const SINGLY: &str = "ORION_STAGE_CRASH_SINGLY";
/// How many stories there are.
const STORIES: u64 = 5;
/// How many of the runs are under way at a time.
const AT_ONCE: usize = 4;

/// What is there before, and what is done while the operator dies.
#[derive(Clone, Copy)]
struct Story {
    name: &'static str,
    /// Which of the lists and watches are its turn.
    share: u64,
    before: Step,
    disturbed: Step,
}

type Step = for<'a> fn(&'a Scene) -> LocalBoxFuture<'a, Result<()>>;

/// Runs the story undisturbed, and then with the operator killed at every call of it.
async fn everywhere(story: Story) -> Result<()> {
    let (expected, calls) = run(story, "calm", None).await?;
    let writes = calls.iter().filter(|call| call.writes()).count();
    ensure!(writes > 5, "{}: only {writes} writes", story.name);
    let scripts = match std::env::var_os(SINGLY) {
        Some(_) => singly(calls.len(), writes),
        None => many(story),
    };
    let compared = scripts.into_iter().map(|(name, script)| {
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

/// In few runs, many kills each: at every call that asks for or changes one thing, and at a share of the lists and watches
/// that an operator begins with, of which each has its turn in one story or another.
fn many(story: Story) -> Vec<(String, Script)> {
    let both = [(Fault::CrashAfter, "after"), (Fault::CrashBefore, "before")];
    let scripts = both.into_iter().flat_map(|(fault, when)| {
        (0..PARTS).map(move |part| {
            let meant = move |call: &Call| {
                let number = number_of(&call.likeness());
                match call.verb {
                    "list" | "watch" => number % (PARTS * STORIES) == part * STORIES + story.share,
                    _ => number % PARTS == part,
                }
            };
            (format!("{when}-{part}"), each_once(MOST, fault, meant))
        })
    });
    scripts.collect()
}

/// The same for the same text in every run.
fn number_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// One kill a run. Just before a call that changes nothing is just after the one before it.
fn singly(calls: usize, writes: usize) -> Vec<(String, Script)> {
    let after = (1..=calls).map(|n| (format!("after-{n}"), nth(n, Fault::CrashAfter, |_| true)));
    let before = (1..=writes).map(|n| (format!("before-{n}"), nth(n, Fault::CrashBefore, Call::writes)));
    after.chain(before).collect()
}

/// What there is in the end, and the calls that it took.
async fn run(story: Story, name: &str, script: Option<Script>) -> Result<(State, Vec<Call>)> {
    let name = format!("crash-{}-{name}", story.name);
    let outcome = scene(&name, async |scene| {
        (story.before)(scene).await.context("before")?;
        scene.quiet_for(QUIET).await?;
        let before = scene.proxy.calls().len();
        scene.proxy.play(script.clone());
        // What an operator does at its start is part of the story.
        scene.crash().await;
        (story.disturbed)(scene).await?;
        scene.quiet_for(QUIET).await?;
        let calls = scene.proxy.calls().split_off(before);
        Ok((state::of(scene).await?, calls))
    });
    outcome.await.context(name)
}
