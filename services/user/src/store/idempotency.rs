//! Calls that carried an Idempotency-Key, and what was answered.

use chassis::stores::Time;
use contracts::user::Profile;
use jiff::Timestamp;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::domain::idempotency::Remembered;

/// An earlier call with the same key.
#[derive(FromRow)]
pub struct Earlier {
    pub request_mac: Vec<u8>,
    pub user_id: Uuid,
    /// None while the registration has not ended.
    pub response: Option<Json<Profile>>,
}

/// Remembers a call; false if its key was used. Two calls at once with one key: the second waits for the first.
pub async fn remember(
    db: &mut PgConnection,
    call: &Remembered,
    user_id: Uuid,
    now: Timestamp,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO idempotency_keys (key_hash, request_mac, user_id, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(&call.key_hash)
    .bind(&call.request_mac)
    .bind(user_id)
    .bind(Time(now))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn find(db: &mut PgConnection, key_hash: &[u8]) -> sqlx::Result<Option<Earlier>> {
    sqlx::query_as("SELECT request_mac, user_id, response FROM idempotency_keys WHERE key_hash = $1")
        .bind(key_hash)
        .fetch_optional(db)
        .await
}

/// Keeps the answer for repeats, if the call had a key.
pub async fn answer(db: &mut PgConnection, profile: &Profile) -> sqlx::Result<()> {
    sqlx::query("UPDATE idempotency_keys SET response = $2 WHERE user_id = $1")
        .bind(profile.id)
        .bind(Json(profile))
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets calls made before `before`.
pub async fn forget(db: &mut PgConnection, before: Timestamp) -> sqlx::Result<u64> {
    let done = sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1")
        .bind(Time(before))
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
