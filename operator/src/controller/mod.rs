//! The loop around the pure parts: observe, apply, report, delete.
//!
//! Watches fill the caches and name the platforms that something happened to; a queue that never works on one platform
//! twice at a time hands them to `reconcile`. Nothing is written but by the leader.

pub mod accounts;
pub mod apply;
pub mod backups;
pub mod bind;
pub mod cache;
pub mod claim;
pub mod client;
pub mod clusters;
pub mod delete;
pub mod diff;
pub mod error;
pub mod events;
pub mod explain;
pub mod figures;
pub mod foreign;
pub mod keys;
pub mod kinds;
pub mod lacking;
pub mod leader;
pub mod namespace;
pub mod observe;
pub mod packed;
pub mod probe;
pub mod prune;
pub mod readiness;
pub mod reconcile;
pub mod revisions;
pub mod rotate;
pub mod secrets;
pub mod serve;
pub mod served;
pub mod status;
pub mod turns;
pub mod volumes;
pub mod watch;
pub mod why;
pub mod writer;

mod queue;

use crate::context::{Context, Memory, Options};
use crate::plan;
use figures::{Figures, Shown};
use kinds::KINDS;
use kube::Client;
use kube::runtime::reflector::store;
use leader::{Election, Leadership};
use queue::Queue;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

/// Runs the operator until it is told to end, or has lost the lead.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let shown = Arc::<Shown>::default();
    let figures = Figures::new(figures::install()?, shown.clone());
    let client = client::of(client::in_cluster()?, client::PATIENCE)?;
    let serving = serve::run(options.listen, figures, shown.cache.clone());
    tokio::select! {
        served = serving => served,
        worked = run_with(client, options, shown, ending()?) => worked,
    }
}

/// The operator itself, without what there can be only one of in a process: metrics, a port, signals.
pub async fn run_with(
    client: Client,
    options: &Options,
    shown: Arc<Shown>,
    ending: CancellationToken,
) -> anyhow::Result<()> {
    let own = client.default_namespace().to_owned();
    let scope = options.scope(&own);
    tracing::info!(version = crate::version(), namespace = scope.as_deref().unwrap_or("(all)"), "starts");
    let leadership = if options.leader_elect { Leadership::none() } else { Leadership::always() };
    let election = Election::new(client.clone(), &own, options.lease.clone(), identity(), leadership.clone());
    let context = Arc::new(Context {
        writer: writer::Writer::new(client.clone(), leadership.clone()),
        instance: host(),
        client,
        cache: shown.cache.clone(),
        probes: Arc::default(),
        keys: keys::CallerKeys::default(),
        storekeeper_image: options.storekeeper_image.clone(),
        namespace: own.clone(),
        memory: Memory::default(),
        waiting: shown.waiting.clone(),
    });
    let queue = watch_everything(&context, scope);
    shown.runs(queue.platforms.clone(), leadership);
    let election = options.leader_elect.then_some(election);
    work(context, queue, election, options.concurrency, &own, ending).await
}

fn watch_everything(context: &Arc<Context>, scope: Option<String>) -> Queue {
    let (triggers, named) = unbounded_channel();
    let (platforms, writer) = store();
    let client = &context.client;
    tokio::spawn(watch::platforms(client.clone(), scope.clone(), writer, triggers.clone()));
    for kind in KINDS.iter().filter(|kind| !kind.is_optional()) {
        let cache = context.cache.clone();
        tokio::spawn(watch::children(client.clone(), scope.clone(), kind, cache, triggers.clone()));
    }
    let finder = served::Finder {
        client: client.clone(),
        scope,
        cache: context.cache.clone(),
        platforms: platforms.clone(),
        triggers: triggers.clone(),
    };
    tokio::spawn(finder.run());
    tokio::spawn(probe::run(context.cache.clone(), context.probes.clone(), triggers));
    Queue { platforms, named }
}

/// Wins the lead, reconciles while it lasts, and hands it on.
async fn work(
    context: Arc<Context>,
    mut queue: Queue,
    election: Option<Election>,
    concurrency: u16,
    own: &str,
    ending: CancellationToken,
) -> anyhow::Result<()> {
    let platforms = queue.platforms.clone();
    let Some(mut election) = election else {
        queue.run(context.clone(), concurrency, ending).await;
        namespace::last_look(&context, &platforms, own).await;
        return Ok(());
    };
    tokio::select! {
        () = election.win() => {}
        never = queue.idle() => match never {},
        () = ending.cancelled() => return Ok(()),
    }
    tokio::select! {
        () = queue.run(context.clone(), concurrency, ending) => {}
        // What is under way is dropped where it stands; it could not write any more anyway.
        () = election.hold() => anyhow::bail!("lost the lead: ends, to start anew with fresh caches"),
    }
    namespace::last_look(&context, &platforms, own).await;
    election.release().await;
    Ok(())
}

/// The pod's name.
fn host() -> String {
    std::env::var("HOSTNAME").unwrap_or_else(|_| plan::MANAGER.to_owned())
}

fn identity() -> String {
    format!("{}_{:08x}", host(), rand::random::<u32>())
}

/// Cancelled when the process is told to end.
fn ending() -> anyhow::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let ended = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("ends: finishes what is under way");
        ended.cancel();
    });
    Ok(token)
}
