//! A newer operator takes over and brings its version to a platform that people use: how long that takes next to what
//! the new pods themselves need, and what people notice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::client::Gateway;
use e2e::load::{Load, Record};
use e2e::record::{Change, Recorder, Seen};
use e2e::{scene_apart, status};
use serde::Serialize;
use serde_json::json;
use xtask::bench::pods::{self, floor};
use xtask::bench::report::{keep, row, seconds, table};

/// How long the platform is watched before anything is done to it.
const BEFORE: Duration = Duration::from_secs(20);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Upgrade {
    /// From helm's start to the new operator's first change of the platform.
    operator_seconds: f64,
    /// From there to Ready at the new version.
    platform_seconds: f64,
    /// The slowest new pod of each step, from its making to its being ready, added.
    floor_seconds: f64,
    pods: Vec<NewPod>,
    before: Requests,
    /// From helm's start until the last of the old pods was gone.
    during: Requests,
}

/// When it was made, and when it was ready, from the first change on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewPod {
    unit: String,
    made_seconds: f64,
    ready_seconds: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Requests {
    made: usize,
    /// In which way, and how many.
    failed: BTreeMap<&'static str, usize>,
    p50_seconds: f64,
    p99_seconds: f64,
}

impl Requests {
    fn of(record: &Record) -> Requests {
        Requests {
            made: record.0.len(),
            failed: record.ways(),
            p50_seconds: record.took(0.5).as_secs_f64(),
            p99_seconds: record.took(0.99).as_secs_f64(),
        }
    }
}

pub(crate) async fn measure() -> Result<()> {
    scene_apart("bench-upgrade", 2, async |arena| {
        let next = arena.ground.load_next().await?;
        arena.apply(json!({"exposure": {"nodePort": {}}})).await?;
        arena.until_ready().await?;
        let load = Load::start(&Gateway::of(arena).await?).await?;
        load.until_well().await?;
        let quiet = load.now();
        println!("watching the platform for {} s before the upgrade", BEFORE.as_secs());
        tokio::time::sleep(BEFORE).await;
        let before = Requests::of(&load.since(quiet));
        let recorder = Recorder::start(arena).await?;

        let (then, began) = (load.now(), Instant::now());
        println!("upgrading the operator, and with it the platform, to {next}");
        arena.replace_operator(&next).await?;
        arena.until("it runs the new version", |p| status::is_ready(p) && runs(p, &next)).await?;
        arena.until_nothing_leaves().await?;
        let during = load.since(then);
        load.stop().await?;

        println!("during the upgrade: {during}");
        let figure = figure(&recorder.seen(), began, &next, before, Requests::of(&during))?;
        show(&figure);
        keep("upgrade", &figure)
    })
    .await
}

fn runs(platform: &operator::api::OrionPlatform, version: &str) -> bool {
    platform.status.as_ref().is_some_and(|status| status.version.as_deref() == Some(version))
}

fn figure(
    record: &[Seen],
    began: Instant,
    version: &str,
    before: Requests,
    during: Requests,
) -> Result<Upgrade> {
    let first = record.iter().map(|seen| seen.at).min().context("nothing of the platform was changed")?;
    let ready = record.iter().find(|seen| {
        let status = &seen.object["status"];
        seen.kind == "OrionPlatform" && status["version"] == version && xtask::status::is_ready(&seen.object)
    });
    let ready = ready.context("nobody saw the platform ready at the new version")?.at;
    let pods = new_pods(record, first);
    let told =
        |pod: &pods::Pod| NewPod { unit: pod.unit.clone(), made_seconds: pod.made, ready_seconds: pod.ready };
    Ok(Upgrade {
        operator_seconds: (first - began).as_secs_f64(),
        platform_seconds: (ready - first).as_secs_f64(),
        floor_seconds: floor(&pods),
        pods: pods.iter().map(told).collect(),
        before,
        during,
    })
}

/// The pods that were made meanwhile, as they were seen.
fn new_pods(record: &[Seen], start: Instant) -> Vec<pods::Pod> {
    let mut all = BTreeMap::<&str, pods::Pod>::new();
    for seen in record.iter().filter(|seen| seen.kind == "Pod") {
        let at = (seen.at - start).as_secs_f64();
        if seen.change == Change::Added {
            let tier = seen.object["metadata"]["labels"]["orion.dev/tier"].as_str();
            let tier = tier.and_then(|tier| tier.parse().ok()).unwrap_or_default();
            let made = pods::Pod { unit: seen.unit.clone(), tier, made: at, ready: None, restarts: 0 };
            all.insert(seen.uid(), made);
        }
        if let Some(pod) = all.get_mut(seen.uid()).filter(|pod| seen.is_ready_pod() && pod.ready.is_none()) {
            pod.ready = Some(at);
        }
    }
    let mut pods: Vec<pods::Pod> = all.into_values().collect();
    pods.sort_by(|a, b| a.made.total_cmp(&b.made));
    pods
}

fn show(figure: &Upgrade) {
    let ratio = |a: f64, b: f64| format!("{:.2} ×", a / b);
    let milliseconds = |time: f64| format!("{:.1} ms", time * 1000.0);
    let rows = [
        row(&["", "time", "to the floor"]),
        row(&["operator: helm's start to its first change", &seconds(figure.operator_seconds)]),
        row(&[
            "platform: first change to Ready",
            &seconds(figure.platform_seconds),
            &ratio(figure.platform_seconds, figure.floor_seconds),
        ]),
        row(&["floor: slowest new pod of each tier, added", &seconds(figure.floor_seconds), "1.00 ×"]),
    ];
    table("upgrade: to the next version, under 20 requests a second", &rows);
    let (before, during) = (&figure.before, &figure.during);
    let failed = |of: &Requests| of.failed.values().sum::<usize>().to_string();
    let rows = [
        row(&["", "before", "during", "ratio"]),
        row(&["requests", &before.made.to_string(), &during.made.to_string()]),
        row(&["  failed", &failed(before), &failed(during)]),
        row(&[
            "latency, half of them",
            &milliseconds(before.p50_seconds),
            &milliseconds(during.p50_seconds),
            &ratio(during.p50_seconds, before.p50_seconds),
        ]),
        row(&[
            "  99 of 100",
            &milliseconds(before.p99_seconds),
            &milliseconds(during.p99_seconds),
            &ratio(during.p99_seconds, before.p99_seconds),
        ]),
    ];
    table("what people saw", &rows);
}
