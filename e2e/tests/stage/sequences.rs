//! Whatever specs a platform goes through, one after another and whether or not it gets to be ready in between, it ends
//! as one that had the last of them from the start; and on the way nothing is made before what it needs.

use anyhow::{Context, Result, ensure};
use catalog::SERVICES;
use e2e::order::{began, done};
use e2e::record::{Recorder, Seen};
use e2e::stage::{Scene, scene, state};
use kube::api::{Patch, PatchParams};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{OLD, QUIET};

/// How many sequences are tried in a run, all at once.
const CASES: u8 = 4;
/// With this set to the number that a failure names, that run is done again.
const SEED: &str = "ORION_STAGE_SEED";

#[tokio::test(flavor = "multi_thread")]
async fn any_sequence_of_specs_ends_as_a_fresh_install_of_the_last_one() -> Result<()> {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse().with_context(|| format!("{SEED} is a number"))?,
        Err(_) => u64::from(uuid::Uuid::new_v4().as_fields().0),
    };
    let cases = (0..CASES).map(|case| async move {
        let specs = specs(seed, case);
        let told = format!("{SEED}={seed}, case {case}: {}", json!(specs));
        one(case, &specs).await.context(told)
    });
    futures::future::try_join_all(cases).await.map(drop)
}

async fn one(case: u8, specs: &[(Value, Pause)]) -> Result<()> {
    let (last, _) = specs.last().context("a sequence has specs")?;
    scene(&format!("sequence-{case}-fresh"), async |fresh| {
        fresh.apply(last.clone()).await?;
        scene(&format!("sequence-{case}"), async |scene| {
            let recorder = Recorder::start(scene).await?;
            go_through(scene, specs).await?;
            settled(scene).await?;
            settled(fresh).await?;
            assert_needs_came_first(&recorder.seen())?;
            // An autoscaler may take its time.
            scene.eventually("it is as a fresh one", async || differ(scene, fresh).await).await
        })
        .await
    })
    .await
}

async fn go_through(scene: &Scene, specs: &[(Value, Pause)]) -> Result<()> {
    for (index, (spec, pause)) in specs.iter().enumerate() {
        match index {
            0 => drop(scene.apply(spec.clone()).await?),
            _ => replace(scene, spec).await?,
        }
        match pause {
            Pause::None => {}
            Pause::Millis(time) => tokio::time::sleep(Duration::from_millis(*time)).await,
            Pause::UntilReady => drop(scene.until_ready().await?),
        }
    }
    Ok(())
}

async fn differ(scene: &Scene, fresh: &Scene) -> Result<Option<()>> {
    let expected = state::of(fresh).await?.without_history();
    match state::of(scene).await?.without_history().difference(&expected) {
        None => Ok(Some(())),
        Some(difference) => anyhow::bail!(difference),
    }
}

/// The whole spec, as `kubectl replace` has it: what is left out of it is gone.
async fn replace(scene: &Scene, spec: &Value) -> Result<()> {
    let patch = Patch::Json::<()>(serde_json::from_value(
        json!([{"op": "replace", "path": "/spec", "value": spec}]),
    )?);
    scene.platforms.patch("orion", &PatchParams::default(), &patch).await.context("replace the spec")?;
    Ok(())
}

async fn settled(scene: &Scene) -> Result<()> {
    scene.until_ready().await?;
    scene.quiet_for(QUIET).await
}

/// Each service was first made after all that it can't do without had been ready, or was there and wanted no pods.
fn assert_needs_came_first(record: &[Seen]) -> Result<()> {
    for service in SERVICES {
        let Some(began) = began(record, service.name) else { continue };
        for need in service.needs.iter().filter(|need| need.hard) {
            if is_stopped(record, need.on, began) {
                continue;
            }
            let done = done(record, need.on).with_context(|| format!("{} was never ready", need.on))?;
            ensure!(
                done < began,
                "{} was made (at {began}) before {} was ready (at {done})",
                service.name,
                need.on
            );
        }
    }
    Ok(())
}

fn is_stopped(record: &[Seen], unit: &str, at: u64) -> bool {
    let workload = record.iter().rfind(|seen| seen.unit == unit && seen.is_workload() && seen.version < at);
    workload.is_some_and(|seen| seen.object["spec"]["replicas"] == 0)
}

/// What is waited for before the next spec.
#[derive(Clone, Debug, serde::Serialize)]
enum Pause {
    None,
    Millis(u64),
    UntilReady,
}

fn specs(seed: u64, case: u8) -> Vec<(Value, Pause)> {
    let mut bytes = [case; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = any_specs().new_tree(&mut runner).expect("no spec is filtered out");
    tree.current()
}

/// Volumes only grow, so a sequence has its sizes in order.
fn any_specs() -> impl Strategy<Value = Vec<(Value, Pause)>> {
    let one = (any_services(), any_exposure(), any_version(), any::<bool>(), any_pause());
    (2..5usize, 1..4u32).prop_flat_map(move |(length, gi)| {
        let gi = move |index: usize| gi + u32::try_from(index).unwrap_or(0);
        proptest::collection::vec(one.clone(), length).prop_map(move |all| {
            let specs =
                all.into_iter().enumerate().map(|(index, (services, exposure, version, delete, pause))| {
                    let spec = json!({
                        "services": services, "exposure": exposure, "version": version,
                        "deletionPolicy": if delete { "Delete" } else { "RetainData" },
                        "redis": {"managed": {"storage": format!("{}Gi", gi(index))}},
                    });
                    (spec, pause)
                });
            specs.collect()
        })
    })
}

fn any_pause() -> impl Strategy<Value = Pause> + Clone {
    prop_oneof![Just(Pause::None), (0..4000u64).prop_map(Pause::Millis), Just(Pause::UntilReady)]
}

fn any_version() -> impl Strategy<Value = &'static str> + Clone {
    proptest::sample::select(vec!["0.1.0-alpha", OLD, env!("CARGO_PKG_VERSION")])
}

fn any_exposure() -> impl Strategy<Value = Value> + Clone {
    proptest::sample::select(vec![
        json!({"none": {}}),
        json!({"nodePort": {}}),
        json!({"loadBalancer": {"port": 80}}),
    ])
}

/// Any service may be off with all that can't do without it.
fn any_services() -> impl Strategy<Value = Vec<Value>> + Clone {
    let each: Vec<_> = SERVICES.iter().map(|service| any_service(service.name)).collect();
    (each, 0..=SERVICES.len()).prop_map(|(mut services, on)| {
        // In the order of the catalog no service needs a later one.
        for service in services.iter_mut().skip(on.max(1)) {
            service["enabled"] = json!(false);
        }
        services
    })
}

fn any_service(name: &'static str) -> impl Strategy<Value = Value> + Clone {
    let scale = prop_oneof![
        Just(json!({})),
        (0..4).prop_map(|replicas| json!({"replicas": replicas})),
        // There are no figures to go by here, so the number between two bounds would be left to chance.
        (1..3).prop_map(|n| json!({"autoscaling": {"minReplicas": n, "maxReplicas": n}})),
    ];
    let env = proptest::option::of("[ -~]{0,20}");
    let label = proptest::option::of("[a-z]{1,8}");
    (scale, env, label).prop_map(move |(mut service, env, label)| {
        service["name"] = json!(name);
        if let Some(value) = env {
            service["env"] = json!([{"name": "NOTE", "value": value}]);
        }
        if let Some(value) = label {
            service["pod"] = json!({"labels": {"example.com/team": value}});
        }
        service
    })
}
