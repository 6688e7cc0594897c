//! One leader at a time, by a Lease.
//!
//! Clocks of two machines are never compared: a rival's lease has run out when this operator has not seen it change
//! for its whole duration by its own monotonic clock. The leader in turn stops writing well before that, counted from
//! the moment it *sent* its last successful renewal.

use crate::controller::error::Error;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long a rival waits after the last sign of life.
const DURATION: Duration = Duration::from_secs(15);
/// How long the leader may write after its last renewal.
const DEADLINE: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(4);
const RETRY: Duration = Duration::from_secs(2);

/// Whether this operator may write. Cheap to ask, so that it is asked before every write.
#[derive(Clone)]
pub struct Leadership {
    began: Instant,
    /// Milliseconds after `began` until which this operator leads.
    until: Arc<AtomicU64>,
}

impl Leadership {
    pub fn none() -> Self {
        Self { began: Instant::now(), until: Arc::new(AtomicU64::new(0)) }
    }

    /// For an operator that is alone by other means.
    pub fn always() -> Self {
        let leadership = Self::none();
        leadership.until.store(u64::MAX, Ordering::Release);
        leadership
    }

    pub fn held(&self) -> bool {
        let now = self.began.elapsed().as_millis();
        now < u128::from(self.until.load(Ordering::Acquire))
    }

    fn extend(&self, from: Instant) {
        let until = (from + DEADLINE).duration_since(self.began).as_millis();
        self.until.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Release);
        metrics::gauge!("orion_operator_leader").set(1.0);
    }

    fn end(&self) {
        self.until.store(0, Ordering::Release);
        metrics::gauge!("orion_operator_leader").set(0.0);
    }
}

/// Takes part in the election; each method returns when its phase of it is over.
pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
    leadership: Leadership,
    lease: Option<Lease>,
}

impl Election {
    /// `name` is the Lease's: operators with the same one take turns.
    pub fn new(
        client: Client,
        namespace: &str,
        name: String,
        identity: String,
        leadership: Leadership,
    ) -> Self {
        Self { api: Api::namespaced(client, namespace), name, identity, leadership, lease: None }
    }

    /// Returns once this operator leads.
    pub async fn win(&mut self) {
        let mut seen: Option<(String, Instant)> = None;
        loop {
            let now = Instant::now();
            match self.try_once(&mut seen, now).await {
                Ok(true) => {
                    self.leadership.extend(now);
                    tracing::info!(identity = self.identity, "leads");
                    return;
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "can't take the lease, trying again"),
            }
            sleep(RETRY).await;
        }
    }

    async fn try_once(&mut self, seen: &mut Option<(String, Instant)>, now: Instant) -> Result<bool, Error> {
        let Some(lease) = self.api.get_opt(&self.name).await.map_err(Error::api("read the Lease"))? else {
            let lease = self.written(None);
            let created = self.api.create(&PostParams::default(), &lease).await;
            return self.taken(created);
        };
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let spec = lease.spec.as_ref();
        let holder = spec.and_then(|s| s.holder_identity.as_deref()).unwrap_or_default();
        let duration = spec.and_then(|s| s.lease_duration_seconds).unwrap_or(0).max(0);
        let since = match seen {
            Some((known, since)) if *known == version => *since,
            _ => now,
        };
        *seen = Some((version, since));
        let over = now.duration_since(since) > Duration::from_secs(u64::from(duration.unsigned_abs()));
        if !holder.is_empty() && holder != self.identity && !over {
            return Ok(false);
        }
        let replaced =
            self.api.replace(&self.name, &PostParams::default(), &self.written(Some(&lease))).await;
        self.taken(replaced)
    }

    fn taken(&mut self, result: Result<Lease, kube::Error>) -> Result<bool, Error> {
        match result.map_err(Error::api("write the Lease")) {
            Ok(lease) => {
                self.lease = Some(lease);
                Ok(true)
            }
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Renews until it can't any more; returns when this operator no longer leads.
    pub async fn hold(&mut self) {
        while self.leadership.held() {
            sleep(RENEW).await;
            let sent = Instant::now();
            let lease = self.written(self.lease.as_ref());
            let params = PostParams::default();
            let renewed = timeout(RENEW, self.api.replace(&self.name, &params, &lease)).await;
            match renewed.map(|result| self.taken(result)) {
                Ok(Ok(true)) => self.leadership.extend(sent),
                Ok(Ok(false)) => match self.api.get(&self.name).await {
                    Ok(lease) if holder(&lease) == Some(self.identity.as_str()) => self.lease = Some(lease),
                    Ok(_) => break,
                    Err(error) => tracing::warn!(%error, "can't read the lease"),
                },
                Ok(Err(error)) => tracing::warn!(%error, "can't renew the lease"),
                Err(_) => tracing::warn!("renewing the lease takes too long"),
            }
        }
        self.leadership.end();
    }

    /// Lets the next one lead at once. To be called when nothing writes any more.
    pub async fn release(&mut self) {
        let Some(mut lease) = self.lease.take() else { return };
        self.leadership.end();
        if let Some(spec) = lease.spec.as_mut() {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
        }
        let released = timeout(RENEW, self.api.replace(&self.name, &PostParams::default(), &lease)).await;
        if let Ok(Err(error)) = released {
            tracing::warn!(%error, "can't release the lease, it will run out");
        }
    }

    fn written(&self, before: Option<&Lease>) -> Lease {
        let old = before.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let now = MicroTime(k8s_openapi::jiff::Timestamp::now());
        let mine = old.holder_identity.as_deref() == Some(self.identity.as_str());
        let metadata = before.map_or_else(
            || ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            |lease| lease.metadata.clone(),
        );
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: if mine { old.acquire_time.clone() } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(
                old.lease_transitions.unwrap_or(0) + i32::from(!mine && before.is_some()),
            ),
            ..LeaseSpec::default()
        };
        Lease { metadata, spec: Some(spec) }
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref()
}
