//! Sessions: one a login, the thing that is revoked. Whoever changes a session's tokens holds its row.
//!
//! Whoever holds rows of several tables takes them in this order, so that no two wait for each other: `rate_limits`
//! (the account's, then the address's), `sessions`, `credentials`.

use crate::domain::origin::Origin;
use chassis::stores::Time;
use jiff::Timestamp;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

#[derive(Clone, Debug, FromRow)]
pub struct Session {
    pub id: Uuid,
    pub user_id: Uuid,
    pub expires_at: Time,
    pub revoked_at: Option<Time>,
}

pub struct NewSession<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    pub expires_at: Timestamp,
    pub origin: &'a Origin,
}

pub async fn insert(db: &mut PgConnection, new: &NewSession<'_>, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at, ip, user_agent)
         VALUES ($1, $2, $3, $3, $4, $5, $6)",
    )
    .bind(new.id)
    .bind(new.user_id)
    .bind(Time(now))
    .bind(Time(new.expires_at))
    .bind(new.origin.ip())
    .bind(new.origin.user_agent.as_deref())
    .execute(db)
    .await?;
    Ok(())
}

/// The session, held until the transaction ends: refresh, reuse and logout of one session happen one after another.
pub async fn lock(db: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Session>> {
    sqlx::query_as("SELECT id, user_id, expires_at, revoked_at FROM sessions WHERE id = $1 FOR UPDATE")
        .bind(id)
        .fetch_optional(db)
        .await
}

/// All of a person's sessions that are not revoked, held; always in the same order, so that two callers can't wait for each other.
pub async fn lock_open_of(db: &mut PgConnection, user_id: Uuid) -> sqlx::Result<Vec<Session>> {
    sqlx::query_as(
        "SELECT id, user_id, expires_at, revoked_at FROM sessions
         WHERE user_id = $1 AND revoked_at IS NULL ORDER BY id FOR UPDATE",
    )
    .bind(user_id)
    .fetch_all(db)
    .await
}

/// Every session of a person, also those that have ended, held in the same order.
pub async fn lock_all_of(db: &mut PgConnection, user_id: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar("SELECT id FROM sessions WHERE user_id = $1 ORDER BY id FOR UPDATE")
        .bind(user_id)
        .fetch_all(db)
        .await
}

pub async fn all_of(db: &mut PgConnection, user_id: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar("SELECT id FROM sessions WHERE user_id = $1").bind(user_id).fetch_all(db).await
}

pub async fn extend(
    db: &mut PgConnection,
    id: Uuid,
    expires_at: Timestamp,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE sessions SET last_seen_at = $3, expires_at = $2 WHERE id = $1")
        .bind(id)
        .bind(Time(expires_at))
        .bind(Time(now))
        .execute(db)
        .await?;
    Ok(())
}

/// Ends sessions and every refresh token of theirs. Gives the hashes of tokens that could still have been used.
pub async fn revoke(
    db: &mut PgConnection,
    ids: &[Uuid],
    reason: &str,
    now: Timestamp,
) -> sqlx::Result<Vec<Vec<u8>>> {
    sqlx::query(
        "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE id = ANY($1) AND revoked_at IS NULL",
    )
    .bind(ids)
    .bind(Time(now))
    .bind(reason)
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar(
        "UPDATE auth_tokens SET status = 'revoked', revoked_at = $2
         WHERE session_id = ANY($1) AND status = 'active' RETURNING token_hash",
    )
    .bind(ids)
    .bind(Time(now))
    .fetch_all(db)
    .await
}
