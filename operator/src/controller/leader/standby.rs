//! How one that does not lead waits for its turn: it watches the Lease, so that it learns at once when the leader lets go
//! of it, and asks for nothing in between.

use super::{RETRY, holder};
use futures::TryStreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// The last sign of life of whoever has the Lease, and when it was noticed by this operator's own clock.
pub(super) struct Seen {
    version: String,
    since: Instant,
    lasts: Duration,
}

impl Seen {
    pub(super) fn new(lease: &Lease, now: Instant) -> Self {
        let seconds = lease.spec.as_ref().and_then(|s| s.lease_duration_seconds).unwrap_or(0).max(0);
        Self {
            version: lease.metadata.resource_version.clone().unwrap_or_default(),
            since: now,
            lasts: Duration::from_secs(u64::from(seconds.unsigned_abs())),
        }
    }

    /// The same Lease read again is no new sign of life.
    pub(super) fn or_before(self, before: Option<Seen>) -> Self {
        match before {
            Some(before) if before.version == self.version => before,
            _ => self,
        }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.since) > self.lasts
    }
}

/// Returns when the Lease is free or has run out, or when that can't be told.
pub(super) async fn wait(api: &Api<Lease>, name: &str, seen: &mut Seen) {
    if let Err(error) = watch(api, name, seen).await {
        tracing::debug!(%error, "can't watch the Lease, asks for it instead");
        sleep(RETRY).await;
    }
}

async fn watch(api: &Api<Lease>, name: &str, seen: &mut Seen) -> Result<(), kube::Error> {
    let params = WatchParams::default().fields(&format!("metadata.name={name}"));
    let mut changes = pin!(api.watch(&params, &seen.version).await?);
    loop {
        // A little later than the end, which counts only when it has passed.
        let end = seen.since + seen.lasts + Duration::from_millis(1);
        let Ok(change) = timeout_at(end, changes.try_next()).await else { return Ok(()) };
        match change? {
            Some(WatchEvent::Added(lease) | WatchEvent::Modified(lease)) => {
                *seen = Seen::new(&lease, Instant::now());
                if holder(&lease).unwrap_or_default().is_empty() {
                    return Ok(());
                }
            }
            Some(WatchEvent::Deleted(_)) => return Ok(()),
            Some(WatchEvent::Bookmark(_)) => {}
            Some(WatchEvent::Error(status)) => return Err(kube::Error::Api(status)),
            // The server ends a watch every few minutes; one that ends at once must not be begun at once.
            None => {
                sleep(RETRY).await;
                return Ok(());
            }
        }
    }
}
