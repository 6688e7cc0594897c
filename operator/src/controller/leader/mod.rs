//! One leader at a time, by a Lease.
//!
//! Clocks of two machines are never compared: a rival's lease has run out when this operator has not seen it change
//! for its whole duration by its own monotonic clock. The leader in turn stops writing well before that, counted from
//! the moment it *sent* its last successful renewal.

mod leadership;
mod standby;

pub use leadership::Leadership;

use crate::controller::error::Error;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use standby::Seen;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long a rival waits after the last sign of life.
const DURATION: Duration = Duration::from_secs(15);
/// How long the leader may write after its last renewal.
const DEADLINE: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(4);
const RETRY: Duration = Duration::from_secs(2);

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
        let mut seen = None;
        loop {
            let now = Instant::now();
            match self.try_once(&mut seen, now).await {
                Ok(true) => {
                    self.leadership.extend(now);
                    tracing::info!(identity = self.identity, "leads");
                    return;
                }
                Ok(false) => match seen.as_mut() {
                    Some(seen) => standby::wait(&self.api, &self.name, seen).await,
                    None => sleep(RETRY).await,
                },
                Err(error) => {
                    tracing::warn!(%error, "can't take the lease, trying again");
                    sleep(RETRY).await;
                }
            }
        }
    }

    async fn try_once(&mut self, seen: &mut Option<Seen>, now: Instant) -> Result<bool, Error> {
        let Some(lease) = self.api.get_opt(&self.name).await.map_err(Error::api("read the Lease"))? else {
            let lease = self.written(None);
            let created = self.api.create(&PostParams::default(), &lease).await;
            return self.taken(created);
        };
        let sign = Seen::new(&lease, now).or_before(seen.take());
        let over = seen.insert(sign).is_over(now);
        let holder = holder(&lease).unwrap_or_default();
        if !holder.is_empty() && holder != self.identity && !over {
            return Ok(false);
        }
        let replaced =
            self.api.replace(&self.name, &PostParams::default(), &self.written(Some(&lease))).await;
        // Another one was faster: what is known of the Lease is old.
        if replaced.is_err() {
            *seen = None;
        }
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
        self.leadership.end();
        match timeout(RENEW, self.let_go()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "can't release the lease, it will run out"),
            Err(_) => tracing::warn!("releasing the lease takes too long, it will run out"),
        }
    }

    async fn let_go(&mut self) -> Result<(), Error> {
        let Some(mut lease) = self.lease.take() else { return Ok(()) };
        loop {
            if let Some(spec) = lease.spec.as_mut() {
                spec.holder_identity = Some(String::new());
                spec.lease_duration_seconds = Some(1);
            }
            let replaced = self.api.replace(&self.name, &PostParams::default(), &lease).await;
            match replaced.map_err(Error::api("write the Lease")) {
                // A renewal that was under way when this operator was told to end has come through.
                Err(error) if error.is_conflict() => {
                    lease = self.api.get(&self.name).await.map_err(Error::api("read the Lease"))?;
                    if holder(&lease) != Some(self.identity.as_str()) {
                        return Ok(());
                    }
                }
                other => return other.map(|_| ()),
            }
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
