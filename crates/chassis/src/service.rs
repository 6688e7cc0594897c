//! What a service hands to the chassis, and what it gets back.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::request::Parts;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::openapi::OpenApi;

use crate::clock::Clock;
use crate::config::{Bad, Reader, Settings};
use crate::health::Registry;
use crate::peer::Peer;
use crate::problem::Problem;
use crate::stores::{Bus, Db, Redis};
use crate::telemetry::Traces;
use crate::tokens::{Callers, ServiceTokens, Tokens};

/// A service: its own settings, its migrations, its routes. Everything else is the chassis'.
pub trait Service: Send + 'static {
    /// As the catalog has it.
    const NAME: &'static str;
    /// `env!("CARGO_PKG_VERSION")`
    const VERSION: &'static str;
    /// A handler that takes longer is cut short with 504. None: the service sees to it (it streams).
    const REQUEST_TIMEOUT: Option<Duration> = Some(Duration::from_secs(30));
    /// Whether the chassis adds the health path of the catalog. False: the service's routes have it.
    const HEALTH_ROUTE: bool = true;

    /// The service's own settings.
    type Settings: Clone + Send + Sync + 'static;

    /// Declares and reads them. Read all before the first `?`.
    fn settings(reader: &mut Reader) -> Result<Self::Settings, Bad>;

    /// `Some(sqlx::migrate!())`
    fn migrations() -> Option<Migrator> {
        None
    }

    fn openapi() -> Option<OpenApi> {
        None
    }

    /// Called once everything that is needed has answered and the migrations are through.
    fn build(
        chassis: Chassis,
        settings: Self::Settings,
    ) -> impl Future<Output = Result<Router, anyhow::Error>> + Send;
}

/// What every service has. Cheap to clone.
#[derive(Clone)]
pub struct Chassis(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) service: &'static catalog::Service,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) health: Arc<Registry>,
    pub(crate) db: Option<Db>,
    pub(crate) redis: Option<Redis>,
    pub(crate) bus: Option<Bus>,
    pub(crate) traces: Option<Traces>,
    pub(crate) tokens: Tokens,
    pub(crate) callers: Callers,
    pub(crate) service_tokens: ServiceTokens,
    pub(crate) peers: Vec<(&'static str, Peer)>,
    pub(crate) tasks: TaskTracker,
    /// Ends background work.
    pub(crate) stop: CancellationToken,
    /// Ends the connections, after everything that uses them.
    pub(crate) disconnect: CancellationToken,
}

impl Chassis {
    pub(crate) fn new(parts: Inner) -> Self {
        Self(Arc::new(parts))
    }

    /// For extractors.
    pub(crate) fn of(parts: &Parts) -> Result<&Self, Problem> {
        parts.extensions.get::<Self>().ok_or_else(|| Problem::internal("the chassis' layers are missing"))
    }

    pub fn service(&self) -> &'static catalog::Service {
        self.0.service
    }

    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The pool of the service's own database.
    ///
    /// # Panics
    /// If the catalog gives the service none; the same for `redis` and `bus`.
    pub fn db(&self) -> &PgPool {
        self.0.db.as_ref().expect("the catalog gives this service no postgres").pool()
    }

    pub fn redis(&self) -> &Redis {
        self.0.redis.as_ref().expect("the catalog gives this service no redis")
    }

    pub fn bus(&self) -> &Bus {
        self.0.bus.as_ref().expect("the catalog gives this service no rabbitmq")
    }

    /// Verifies access tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Verifies service tokens.
    pub fn callers(&self) -> &Callers {
        &self.0.callers
    }

    /// This service's own tokens, for whoever does not use [`Chassis::peer`] (the gateway).
    pub fn service_tokens(&self) -> &ServiceTokens {
        &self.0.service_tokens
    }

    /// A service that the catalog lets this one call.
    pub fn peer(&self, name: &str) -> &Peer {
        let found = self.0.peers.iter().find(|(peer, _)| *peer == name);
        &found.expect("the catalog does not let this service call that peer").1
    }

    /// Runs in the background until the end; `stop` is cancelled when requests are drained, and then it has a few
    /// seconds.
    pub fn spawn<F>(&self, work: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.tasks.spawn(work(self.0.stop.clone()));
    }

    /// Publishes what the service puts into its outbox (see [`crate::outbox`]).
    pub fn relay_outbox(&self) {
        let (pool, bus, name) = (self.db().clone(), self.bus().clone(), self.service().name);
        self.spawn(|stop| crate::outbox::relay(pool, bus, name, stop));
    }

    /// How this service and each of its needs is, asked at most once a second.
    pub async fn report(&self) -> contracts::health::Health {
        self.0.health.deep().await
    }

    pub(crate) fn health(&self) -> &Arc<Registry> {
        &self.0.health
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}
