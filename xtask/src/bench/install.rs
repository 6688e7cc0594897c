//! From apply to Ready with every image on the nodes, next to the floor that tiered order has, and to the very same
//! objects applied all at once.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::{Value, json};

use super::pods::{Pod, Watch, floor};
use super::{Bench, at_once, keep, median, row, seconds, table};
use crate::progress;

/// Beside the platform that is up, in the same namespace: the operator watches that one.
pub(super) const PLATFORM: &str = "bench";
const LIMIT: Duration = Duration::from_secs(240);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Install {
    runs: Vec<Run>,
    apply_to_ready_seconds: f64,
    floor_seconds: f64,
    all_at_once_seconds: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    apply_to_ready_seconds: f64,
    floor_seconds: f64,
    restarts: u64,
    all_at_once_seconds: Option<f64>,
    all_at_once_restarts: u64,
}

pub(super) fn measure(bench: &Bench, repeat: usize) -> Result<()> {
    let namespace = &bench.platform.namespace;
    remove(bench)?;
    let mut runs = vec![];
    for number in 1..=repeat {
        let run =
            progress::step(&format!("install a platform, {number} of {repeat}"), || once(bench, namespace))?;
        runs.push(run);
    }
    let of = |value: fn(&Run) -> f64| median(&runs.iter().map(value).collect::<Vec<_>>());
    let apply_to_ready_seconds = of(|r| r.apply_to_ready_seconds);
    let floor_seconds = of(|r| r.floor_seconds);
    let at_once: Vec<_> = runs.iter().filter_map(|r| r.all_at_once_seconds).collect();
    let all_at_once_seconds = (!at_once.is_empty()).then(|| median(&at_once));
    let ratio = |time: f64| format!("{:.2} ×", time / floor_seconds);
    let mut rows = vec![row(&["", "time", "to the floor", "restarts"])];
    let restarts = runs.iter().map(|r| r.restarts).max().unwrap_or(0).to_string();
    rows.push(vec![
        "apply to Ready".into(),
        seconds(apply_to_ready_seconds),
        ratio(apply_to_ready_seconds),
        restarts,
    ]);
    rows.push(row(&["floor: slowest pod of each tier, added", &seconds(floor_seconds), "1.00 ×"]));
    let restarts = runs.iter().map(|r| r.all_at_once_restarts).max().unwrap_or(0).to_string();
    rows.push(match all_at_once_seconds {
        Some(time) => vec!["same objects all at once".into(), seconds(time), ratio(time), restarts],
        None => vec![
            "same objects all at once".into(),
            format!("not within {} s", LIMIT.as_secs()),
            String::new(),
            restarts,
        ],
    });
    table(&format!("install: median of {repeat}"), &rows);
    keep("install", &Install { runs, apply_to_ready_seconds, floor_seconds, all_at_once_seconds })
}

fn once(bench: &Bench, namespace: &str) -> Result<Run> {
    let target = &bench.target;
    let watch = Watch::start(target, namespace, PLATFORM)?;
    let begin = Instant::now();
    at_once::apply(target, &platform(namespace))?;
    let resource = format!("orionplatforms.orion.dev/{PLATFORM}");
    let timeout = format!("--timeout={}s", LIMIT.as_secs());
    target.get(&["wait", &resource, "-n", namespace, "--for=condition=Ready", &timeout])?;
    let apply_to_ready_seconds = begin.elapsed().as_secs_f64();
    let pods = watch.pods();
    drop(watch);
    progress::note(&format!("tiered {}, floor {}", seconds(apply_to_ready_seconds), seconds(floor(&pods))));
    let objects = at_once::objects(target, namespace)?;
    remove(bench)?;
    let (all_at_once_seconds, again) = at_once::run(target, namespace, &objects, pods.len(), LIMIT)?;
    progress::note(&format!("all at once {}", all_at_once_seconds.map_or("never".into(), seconds)));
    let restarts = |pods: &[Pod]| pods.iter().map(|p| p.restarts).sum();
    Ok(Run {
        apply_to_ready_seconds,
        floor_seconds: floor(&pods),
        restarts: restarts(&pods),
        all_at_once_seconds,
        all_at_once_restarts: restarts(&again),
    })
}

fn platform(namespace: &str) -> Value {
    json!({
        "apiVersion": "orion.dev/v1alpha1",
        "kind": "OrionPlatform",
        "metadata": {"name": PLATFORM, "namespace": namespace},
        "spec": {"deletionPolicy": "Delete"},
    })
}

/// Gone, with everything of it: a next run must start from nothing.
fn remove(bench: &Bench) -> Result<()> {
    let (target, namespace) = (&bench.target, &bench.platform.namespace);
    target.get(&[
        "delete",
        "orionplatforms.orion.dev",
        PLATFORM,
        "-n",
        namespace,
        "--ignore-not-found",
        "--timeout=300s",
    ])?;
    at_once::remove(target, namespace)?;
    let selector = at_once::selector();
    let left = target.json(&["get", "pods", "-n", namespace, "-l", &selector])?;
    if left["items"].as_array().is_some_and(|items| !items.is_empty()) {
        bail!("pods of the platform `{PLATFORM}` are left in {namespace} after it was deleted");
    }
    Ok(())
}
