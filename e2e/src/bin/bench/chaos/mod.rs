//! Whatever may go, goes, one thing after the other and at random, while people read and write: how long the platform
//! takes to be whole again, what they see of it, and whether anything they were promised is lost.

mod fault;
mod report;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use e2e::client::Gateway;
use e2e::load::Load;
use e2e::{Arena, scene_apart, status};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::json;

use fault::{Broken, Kind};
use report::{Report, Round};

/// The node that is lost now and then. The stores, whose volumes are bound to a node, are on another.
const AWAY: &str = "n2";
/// A platform that takes longer is one that does not heal.
const LIMIT: Duration = Duration::from_secs(120);
/// It is whole when all has been well for so long. This is not part of the time to heal.
const STEADY: Duration = Duration::from_secs(3);
/// A request that takes longer may fail yet, and nothing is said before it has ended.
const HANGS: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Wanted {
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long)]
    minutes: u64,
    #[arg(long)]
    rounds: Option<usize>,
}

pub(crate) async fn measure(wanted: Wanted) -> Result<()> {
    let seed = wanted.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("seed {seed}: --seed {seed} begins with the same faults in the same order");
    scene_apart("bench-chaos", 1, async |arena| {
        furnish(arena).await?;
        let gateway = Gateway::of(arena).await?;
        let load = Load::start(&gateway).await?;
        let writer = load.write(&gateway)?;
        load.until_well().await?;

        let rounds = rounds(arena, &load, &wanted, seed).await?;
        let ledger = writer.stop().await?;
        load.stop().await?;
        // Whoever does not heal can't be asked.
        let healed = rounds.iter().all(|round| round.healed_seconds.is_some());
        let checked = if healed { Some(ledger.check(&gateway).await?) } else { None };
        let report = Report::new(seed, rounds, checked);
        report.show()?;
        report.judge()
    })
    .await
}

/// Two nodes and two pods of each service, one on each.
async fn furnish(arena: &Arena) -> Result<()> {
    arena.apply(json!({"exposure": {"nodePort": {}}})).await?;
    arena.until_ready().await?;
    arena.ground.cluster.add_node(AWAY).await?;
    let two: Vec<_> =
        catalog::SERVICES.iter().map(|service| json!({"name": service.name, "replicas": 2})).collect();
    arena.edit(json!({"services": two})).await?;
    arena.until_ready().await.map(drop)
}

async fn rounds(arena: &Arena, load: &Load, wanted: &Wanted, seed: u64) -> Result<Vec<Round>> {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut rounds, mut deck, began) = (Vec::new(), Vec::new(), Instant::now());
    let minutes = Duration::from_secs(wanted.minutes * 60);
    while wanted.rounds.map_or(began.elapsed() < minutes, |count| rounds.len() < count) {
        // Each once before one comes again.
        if deck.is_empty() {
            deck = Kind::ALL.to_vec();
            deck.shuffle(&mut random);
        }
        let kind = deck.pop().context("a fault")?;
        let round = round(arena, load, kind, &mut random).await?;
        println!("{round}");
        let healed = round.healed_seconds.is_some();
        rounds.push(round);
        if !healed {
            break;
        }
        if kind == Kind::NodeLost {
            give_the_node_back(arena).await?;
        }
    }
    Ok(rounds)
}

async fn round(arena: &Arena, load: &Load, kind: Kind, random: &mut StdRng) -> Result<Round> {
    let then = load.now();
    let broken = fault::commit(arena, kind, random).await.with_context(|| kind.told().to_owned())?;
    let healed = heal(arena, load, then, &broken).await;
    let record = load.since(then);
    if let Err(error) = &healed {
        println!("{}: {error:#}", kind.told());
    }
    Ok(Round::new(kind, broken.what, healed.ok(), &record))
}

/// From the fault to the last moment at which something was amiss, or a request was sent that failed.
async fn heal(arena: &Arena, load: &Load, then: Duration, broken: &Broken) -> Result<Duration> {
    let mut amiss = then;
    loop {
        let now = load.now();
        let why = why_not_well(arena, broken).await.unwrap_or_else(|error| Some(format!("{error:#}")));
        if why.is_some() {
            amiss = load.now();
        }
        let failed = load.since(then).failed().iter().map(|call| call.at).max();
        amiss = amiss.max(failed.unwrap_or_default());
        // What hangs may fail yet.
        if now.saturating_sub(amiss) >= STEADY && load.is_decided(now.saturating_sub(HANGS)) {
            return Ok(amiss - then);
        }
        if now - then > LIMIT {
            bail!("not whole after {} s: {}", LIMIT.as_secs(), why.unwrap_or("requests fail or hang".into()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What is amiss, if anything: what was broken, what the status says, a pod.
async fn why_not_well(arena: &Arena, broken: &Broken) -> Result<Option<String>> {
    if !broken.is_mended(arena).await? {
        return Ok(Some(format!("{} is not replaced", broken.what)));
    }
    let platform = arena.platforms.get(e2e::arena::PLATFORM).await?;
    if !status::is_ready(&platform) || status::is_true(&platform, "Degraded") {
        return Ok(Some(status::told(&platform)));
    }
    let units = catalog::STORES.iter().map(|store| (store.name, 1));
    for (unit, wanted) in units.chain(catalog::SERVICES.iter().map(|service| (service.name, 2))) {
        let ready = arena.pods(unit).await?.iter().filter(|pod| is_ready(pod)).count();
        if ready != wanted {
            return Ok(Some(format!("{unit} has {ready} pods that are ready, of {wanted}")));
        }
    }
    Ok(None)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}

/// Empty, as a machine is that was repaired; what was bound to its predecessor goes for good.
async fn give_the_node_back(arena: &Arena) -> Result<()> {
    arena.ground.cluster.add_node(AWAY).await?;
    e2e::eventually("no pod is left of the lost node", async || {
        let pods = arena.api::<Pod>().list(&ListParams::default()).await?;
        Ok((!pods.iter().any(|pod| pod.metadata.deletion_timestamp.is_some())).then_some(()))
    })
    .await?;
    arena.until_ready().await.map(drop)
}
