//! Revoked access tokens, the durable list that Redis is filled from.

use chassis::stores::Time;
use jiff::Timestamp;
use sqlx::{FromRow, PgConnection};

#[derive(Clone, Debug, FromRow)]
pub struct Entry {
    /// `jti`, `sid` or `sub`.
    pub kind: String,
    pub subject: String,
    pub revoked_through: Time,
    pub expires_at: Time,
}

/// Adds an entry; one that is there already only grows.
pub async fn insert(db: &mut PgConnection, entry: &Entry, reason: &str, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO session_blacklist (kind, subject, revoked_through, expires_at, reason, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (kind, subject) DO UPDATE SET
             revoked_through = greatest(session_blacklist.revoked_through, excluded.revoked_through),
             expires_at = greatest(session_blacklist.expires_at, excluded.expires_at),
             published_at = NULL",
    )
    .bind(&entry.kind)
    .bind(&entry.subject)
    .bind(entry.revoked_through)
    .bind(entry.expires_at)
    .bind(reason)
    .bind(Time(now))
    .execute(db)
    .await?;
    Ok(())
}

/// Entries that still matter, a page at a time.
pub async fn page(
    db: &mut PgConnection,
    after: (&str, &str),
    limit: i64,
    now: Timestamp,
) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as(
        "SELECT kind, subject, revoked_through, expires_at FROM session_blacklist
         WHERE (kind, subject) > ($1, $2) AND expires_at > $3 ORDER BY kind, subject LIMIT $4",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(Time(now))
    .bind(limit)
    .fetch_all(db)
    .await
}

pub async fn unpublished(db: &mut PgConnection, limit: i64, now: Timestamp) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as(
        "SELECT kind, subject, revoked_through, expires_at FROM session_blacklist
         WHERE published_at IS NULL AND expires_at > $1 ORDER BY created_at LIMIT $2",
    )
    .bind(Time(now))
    .bind(limit)
    .fetch_all(db)
    .await
}

/// Notes that Redis has this very entry; one that grew meanwhile stays to be published.
pub async fn mark_published(db: &mut PgConnection, entries: &[Entry], now: Timestamp) -> sqlx::Result<()> {
    for entry in entries {
        sqlx::query(
            "UPDATE session_blacklist SET published_at = $4
             WHERE kind = $1 AND subject = $2 AND revoked_through = $3 AND published_at IS NULL",
        )
        .bind(&entry.kind)
        .bind(&entry.subject)
        .bind(entry.revoked_through)
        .bind(Time(now))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// What stands in the way of a token, asked of PostgreSQL because Redis can't say.
pub async fn is_revoked(
    db: &mut PgConnection,
    (jti, sid, sub): (&str, &str, &str),
    issued_at: Timestamp,
    now: Timestamp,
) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT 1 FROM session_blacklist
             WHERE ((kind = 'jti' AND subject = $1) OR (kind = 'sid' AND subject = $2)
                 OR (kind = 'sub' AND subject = $3))
               AND revoked_through >= $4 AND expires_at > $5)",
    )
    .bind(jti)
    .bind(sid)
    .bind(sub)
    .bind(Time(issued_at))
    .bind(Time(now))
    .fetch_one(db)
    .await
}
