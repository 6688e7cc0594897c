//! What this service keeps in Redis: where a refresh token's session is, and which access tokens are revoked.
//!
//! Nothing here is the only copy. What only saves a query is asked without complaint when Redis is not there.

use crate::store::blacklist::Entry;
use chassis::stores::Redis;
use chassis::stores::redis::RedisError;
use contracts::new_id;
use futures::future::try_join_all;
use jiff::Timestamp;
use std::time::Duration;
use uuid::Uuid;

const EPOCH: &str = "revoked:epoch";
/// A rebuild that takes longer is given up, and begun again.
const REBUILD_LIMIT: Duration = Duration::from_secs(120);

#[derive(Clone)]
pub struct Cache {
    redis: Redis,
}

impl Cache {
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    pub async fn session_of(&self, token_hash: &[u8]) -> Option<Uuid> {
        let found = self.redis.get(&refresh_key(token_hash)).await;
        found.inspect_err(without_redis).ok().flatten()?.parse().ok()
    }

    pub async fn remember(&self, token_hash: &[u8], session_id: Uuid, expires_at: Timestamp, now: Timestamp) {
        let Some(ttl) = left(expires_at, now) else { return };
        let done = self.redis.set_ex(&refresh_key(token_hash), &session_id.to_string(), ttl).await;
        done.unwrap_or_else(|error| without_redis(&error));
    }

    pub async fn forget(&self, token_hashes: &[Vec<u8>]) {
        if token_hashes.is_empty() {
            return;
        }
        let keys: Vec<String> = token_hashes.iter().map(|hash| refresh_key(hash)).collect();
        if let Err(error) = self.redis.del(&keys).await {
            without_redis(&error);
        }
    }

    pub async fn revoke(&self, entries: &[Entry], now: Timestamp) -> Result<(), RedisError> {
        // All are on their way before the first is waited for.
        let writes = entries.iter().filter_map(|entry| {
            let ttl = left(entry.expires_at.0, now)?;
            let key = format!("revoked:{}:{}", entry.kind, entry.subject);
            let through = entry.revoked_through.0.as_second().to_string();
            Some(async move { self.redis.set_ex(&key, &through, ttl).await })
        });
        try_join_all(writes).await.map(drop)
    }

    pub async fn has_epoch(&self) -> Result<bool, RedisError> {
        Ok(self.redis.get(EPOCH).await?.is_some())
    }

    /// Leaves a marker that an emptying of Redis would take away, and gives its name.
    pub async fn begin_rebuild(&self, now: Timestamp) -> Result<String, RedisError> {
        let marker = format!("revoked:rebuild:{}", new_id());
        self.redis.set_ex(&marker, &now.as_second().to_string(), REBUILD_LIMIT).await?;
        Ok(marker)
    }

    /// The marker becomes the epoch, in one step, and has the lease then already: false if it was gone.
    pub async fn finish_rebuild(&self, marker: &str, lease: Duration) -> Result<bool, RedisError> {
        if !self.ends_after(marker, lease).await? {
            return Ok(false);
        }
        // Fails, as it should, when the marker has gone since.
        let renamed: String = self.redis.command("RENAME", vec![marker.to_owned(), EPOCH.to_owned()]).await?;
        Ok(renamed == "OK")
    }

    /// The epoch stays for another lease: false if it has ended.
    pub async fn renew_epoch(&self, lease: Duration) -> Result<bool, RedisError> {
        self.ends_after(EPOCH, lease).await
    }

    async fn ends_after(&self, key: &str, time: Duration) -> Result<bool, RedisError> {
        let found: i64 =
            self.redis.command("PEXPIRE", vec![key.to_owned(), time.as_millis().to_string()]).await?;
        Ok(found == 1)
    }
}

fn refresh_key(token_hash: &[u8]) -> String {
    let hex: String = token_hash.iter().map(|b| format!("{b:02x}")).collect();
    format!("auth:refresh:{hex}")
}

fn left(expires_at: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(expires_at.duration_since(now)).ok().filter(|left| !left.is_zero())
}

fn without_redis(error: &RedisError) {
    tracing::debug!(%error, "went on without Redis");
}
