//! What a service knows about what it needs. Asked at once, each within a second, and not more than once a second.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use contracts::health::{Check, Health, HealthSummary, Status};
use futures::future::join_all;
use http::StatusCode;
use tokio::sync::Mutex;

use crate::Chassis;

const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
const CACHED_FOR: Duration = Duration::from_secs(1);

type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Something this service needs, and how to ask whether it is there.
#[derive(Clone)]
pub(crate) struct Dependency {
    pub(crate) name: &'static str,
    /// `postgres:5432`
    pub(crate) address: String,
    /// The start waits for it.
    pub(crate) hard: bool,
    /// Without it, nothing works: a store, as long as the need is hard.
    pub(crate) store: bool,
    probe: Probe,
}

impl Dependency {
    pub(crate) fn new<F>(
        name: &'static str,
        address: String,
        (hard, store): (bool, bool),
        probe: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, address, hard, store, probe: Arc::new(move || Box::pin(probe())) }
    }

    pub(crate) async fn check(&self, within: Duration) -> Result<(), String> {
        match tokio::time::timeout(within, (self.probe)()).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", within.as_secs())),
        }
    }

    async fn report(&self) -> (String, Check) {
        let started = Instant::now();
        let error = self.check(CHECK_TIMEOUT).await.err();
        let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = match &error {
            None => Status::Ok,
            Some(_) if self.hard && self.store => Status::Down,
            Some(_) => Status::Degraded,
        };
        (self.name.to_owned(), Check { status, latency_ms, error })
    }
}

/// Where a service is in its life. It is ready between the end of its start and the beginning of its end, whatever
/// happens to its stores: a blip of a database must not empty every endpoint at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    Starting,
    Migrating,
    Ready,
    Draining,
}

pub(crate) struct Registry {
    service: &'static str,
    version: &'static str,
    phase: AtomicU8,
    dependencies: Mutex<Vec<Dependency>>,
    cached: Mutex<Option<(Instant, Health)>>,
}

impl Registry {
    pub(crate) fn new(service: &'static str, version: &'static str) -> Self {
        let (dependencies, cached) = (Mutex::default(), Mutex::default());
        Self { service, version, phase: AtomicU8::new(Phase::Starting as u8), dependencies, cached }
    }

    pub(crate) fn phase(&self) -> Phase {
        let number = self.phase.load(Ordering::SeqCst);
        let phases = [Phase::Starting, Phase::Migrating, Phase::Ready];
        phases.into_iter().find(|phase| *phase as u8 == number).unwrap_or(Phase::Draining)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    pub(crate) async fn watch(&self, dependencies: Vec<Dependency>) {
        *self.dependencies.lock().await = dependencies;
    }

    pub(crate) async fn deep(&self) -> Health {
        // Held while asking: whoever comes meanwhile waits for the same answers instead of asking again.
        let mut cached = self.cached.lock().await;
        if let Some((at, health)) = cached.as_ref()
            && at.elapsed() < CACHED_FOR
        {
            return health.clone();
        }
        let dependencies = self.dependencies.lock().await.clone();
        let checks: BTreeMap<String, Check> =
            join_all(dependencies.iter().map(Dependency::report)).await.into_iter().collect();
        let status = checks.values().map(|check| check.status).max().unwrap_or(Status::Ok);
        let health =
            Health { status, service: self.service.to_owned(), version: self.version.to_owned(), checks };
        *cached = Some((Instant::now(), health.clone()));
        health
    }
}

/// The public word on the main port: how it is, and nothing about why.
#[derive(Clone)]
pub(crate) struct Summary(Arc<Registry>);

impl Summary {
    pub(crate) fn of(chassis: &Chassis) -> Self {
        Self(chassis.health().clone())
    }

    pub(crate) async fn get(&self) -> (StatusCode, HealthSummary) {
        let Health { status, service, version, .. } = self.0.deep().await;
        let code = if status == Status::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        (code, HealthSummary { status, service, version })
    }
}
