//! From settings to a running service, and back. The same in production and in tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use catalog::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Settings;
use crate::health::{Dependency, Phase, Registry};
use crate::http::{Server, assemble};
use crate::peer::{self, Peer};
use crate::service::{Chassis, Inner, Service};
use crate::stores::{Bus, Db, Redis};
use crate::telemetry::Traces;
use crate::tokens::{Callers, ServiceTokens, Tokens};
use crate::{management, telemetry, wait};

/// What background work gets once requests are drained.
const TASKS_GRACE: Duration = Duration::from_secs(5);
const STORES_GRACE: Duration = Duration::from_secs(2);
/// How long those who keep a connection get to learn from their next answer that it closes.
const WIND_DOWN: Duration = Duration::from_secs(2);

/// Why a start failed, in one line that names what was in the way: `postgres:5432: password authentication failed`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    pub(crate) fn at(place: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{place}: {why}"))
    }
}

/// A service that runs. Tests hold it; [`crate::main`] waits for the signal to end it.
pub struct Running {
    chassis: Chassis,
    main: Server,
    management: Server,
}

impl Running {
    pub fn address(&self) -> SocketAddr {
        self.main.address()
    }

    pub fn management_address(&self) -> SocketAddr {
        self.management.address()
    }

    pub fn chassis(&self) -> &Chassis {
        &self.chassis
    }

    /// Not ready any more; then kept connections end, each with an answer that says so, since one that just ends may
    /// meet a request that is on its way; then no new connections; then what runs may finish; then background work;
    /// then the stores.
    pub async fn stop(self) {
        let inner = self.chassis.inner();
        inner.health.enter(Phase::Draining);
        tracing::info!("draining");
        let grace = inner.settings.shutdown_grace;
        let wind_down = WIND_DOWN.min(grace);
        self.main.wind_down(wind_down).await;
        if !self.main.drain(grace - wind_down).await {
            tracing::warn!("some requests did not finish in time");
        }
        inner.tasks.close();
        inner.stop.cancel();
        if tokio::time::timeout(TASKS_GRACE, inner.tasks.wait()).await.is_err() {
            tracing::warn!("some background work did not finish in time");
        }
        inner.disconnect.cancel();
        if let Some(db) = &inner.db {
            // It waits for connections that are in use, and whatever uses them has had its time.
            let _ = tokio::time::timeout(STORES_GRACE, db.close()).await;
        }
        self.management.drain(Duration::from_secs(1)).await;
        tracing::info!("stopped");
    }
}

/// Starts a service. Returns when it is ready.
pub async fn start<S: Service>(
    settings: Settings,
    own: S::Settings,
    clock: Clock,
) -> Result<Running, StartError> {
    crate::install_crypto();
    telemetry::recorder();
    telemetry::set_build_info(S::NAME, S::VERSION);
    let service =
        catalog::service(S::NAME).ok_or_else(|| StartError::at(S::NAME, "is not in the catalog"))?;
    let health = Arc::new(Registry::new(S::NAME, S::VERSION));
    let (listener, address) = bind(settings.management_listen).await?;
    let management = Server::start(listener, address, management::routes(health.clone(), S::openapi()));
    let disconnect = CancellationToken::new();
    let chassis = connect::<S>(service, settings, clock, health.clone(), disconnect.clone())?;
    // If the start ends here, what was begun ends with it.
    let unfinished = (disconnect.drop_guard(), chassis.inner().stop.clone().drop_guard());

    let dependencies = dependencies(&chassis);
    health.watch(dependencies.clone()).await;
    wait::for_all(&dependencies, chassis.settings().start_timeout).await?;
    if let (Some(db), Some(migrations)) = (&chassis.inner().db, S::migrations()) {
        health.enter(Phase::Migrating);
        db.migrate(migrations).await.map_err(|why| StartError::at(db.address(), why))?;
    }
    keep_keys(&chassis);
    let routes = S::build(chassis.clone(), own)
        .await
        .map_err(|error| StartError::at(S::NAME, format!("{error:#}")))?;
    let (listener, address) = bind(chassis.settings().listen).await?;
    let main = Server::start(listener, address, assemble::<S>(&chassis, routes));
    health.enter(Phase::Ready);
    tracing::info!(%address, management = %management.address(), "ready");
    unfinished.0.disarm();
    unfinished.1.disarm();
    Ok(Running { chassis, main, management })
}

async fn bind(address: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr), StartError> {
    Server::bind(address).await.map_err(|error| StartError::at(&format!("listen on {address}"), error))
}

fn connect<S: Service>(
    service: &'static catalog::Service,
    settings: Settings,
    clock: Clock,
    health: Arc<Registry>,
    disconnect: CancellationToken,
) -> Result<Chassis, StartError> {
    let http = peer::client().map_err(|error| StartError::at("http client", error))?;
    let name = service.name;
    let db = settings
        .database_url
        .as_ref()
        .map(|url| Db::new(url, settings.database_ca_file.as_deref(), name, settings.database_connections));
    let db = db.transpose().map_err(|why| StartError::at("postgres", why))?;
    let redis_ca = settings.redis_ca_file.as_deref();
    let redis = settings.redis_url.as_ref().map(|url| Redis::connect(url, redis_ca, disconnect.clone()));
    let redis = redis.transpose().map_err(|why| StartError::at("redis", why))?;
    let amqp_ca = settings.amqp_ca_file.as_deref();
    let bus = settings.amqp_url.as_ref().map(|url| Bus::connect(url, amqp_ca, name, disconnect.clone()));
    let bus = bus.transpose().map_err(|why| StartError::at("rabbitmq", why))?;
    let auth = settings.peers.get("auth").map(|url| (url.clone(), http.clone()));
    let service_tokens = ServiceTokens::new(settings.service_tokens_dir.clone());
    let peer = |(name, url): (&&'static str, &reqwest::Url)| {
        (*name, Peer::new(name, url.clone(), http.clone(), service_tokens.clone()))
    };
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let traces = Traces::start(service, S::VERSION, &settings, stop.clone());
    let traces =
        traces.map_err(|why| StartError::at("ORION_OTLP_ENDPOINT", why))?.map(|(traces, exporting)| {
            tasks.spawn(exporting);
            traces
        });
    Ok(Chassis::new(Inner {
        tokens: Tokens::new(settings.token_issuer.clone(), auth, clock.clone()),
        callers: Callers::new(
            service,
            &settings.namespace,
            &settings.platform,
            settings.caller_keys_file.clone(),
            clock.clone(),
        ),
        peers: settings.peers.iter().map(peer).collect(),
        service,
        settings,
        clock,
        health,
        db,
        redis,
        bus,
        service_tokens,
        traces,
        tasks,
        stop,
        disconnect,
    }))
}

fn keep_keys(chassis: &Chassis) {
    let (tokens, callers) = (chassis.tokens().clone(), chassis.callers().clone());
    chassis.spawn(|stop| tokens.keep_keys(stop));
    chassis.spawn(|stop| callers.keep_keys(stop));
}

/// What the catalog says is needed, with a way to ask for it. Only needs, never calls: needs have no cycles, so that
/// services which ask each other for their health cannot wait for each other.
fn dependencies(chassis: &Chassis) -> Vec<Dependency> {
    let inner = chassis.inner();
    let needs = inner.service.needs.iter();
    needs.filter_map(|need| dependency(inner, need)).collect()
}

fn dependency(inner: &Inner, need: &catalog::Need) -> Option<Dependency> {
    let store = catalog::store(need.on).map(|entry| entry.store);
    let kind = (need.hard, store.is_some());
    Some(match store {
        Some(Store::Postgres) => {
            let db = inner.db.clone()?;
            Dependency::new(need.on, db.address().to_owned(), kind, move || {
                let db = db.clone();
                async move { db.check().await }
            })
        }
        Some(Store::Redis) => {
            let redis = inner.redis.clone()?;
            Dependency::new(need.on, redis.address().to_owned(), kind, move || {
                let redis = redis.clone();
                async move { redis.check().await }
            })
        }
        Some(Store::Rabbitmq) => {
            let bus = inner.bus.clone()?;
            Dependency::new(need.on, bus.address().to_owned(), kind, move || {
                let bus = bus.clone();
                async move { bus.check().await }
            })
        }
        None => {
            let (_, peer) = inner.peers.iter().find(|(name, _)| *name == need.on)?.clone();
            let entry = catalog::service(need.on)?;
            Dependency::new(need.on, format!("{}:{}", entry.name, entry.port), kind, move || {
                let peer = peer.clone();
                async move { peer.check(entry.health_path).await }
            })
        }
    })
}
