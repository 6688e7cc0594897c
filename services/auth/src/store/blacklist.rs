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
             published_at = NULL, settled_at = NULL",
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

/// Entries that Redis does not have yet, or has had since before `settles` and gets once more.
pub async fn unsettled(
    db: &mut PgConnection,
    limit: i64,
    settles: Timestamp,
    now: Timestamp,
) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as(
        "SELECT kind, subject, revoked_through, expires_at FROM session_blacklist
         WHERE settled_at IS NULL AND (published_at IS NULL OR published_at <= $1) AND expires_at > $2
         ORDER BY created_at LIMIT $3",
    )
    .bind(Time(settles))
    .bind(Time(now))
    .bind(limit)
    .fetch_all(db)
    .await
}

/// Notes that Redis was given these very entries; one that grew meanwhile stays as it is.
pub async fn mark_published(
    db: &mut PgConnection,
    entries: &[Entry],
    settles: Timestamp,
    now: Timestamp,
) -> sqlx::Result<()> {
    let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind.as_str()).collect();
    let subjects: Vec<&str> = entries.iter().map(|entry| entry.subject.as_str()).collect();
    let throughs: Vec<Time> = entries.iter().map(|entry| entry.revoked_through).collect();
    sqlx::query(
        "UPDATE session_blacklist b
         SET published_at = coalesce(b.published_at, $5), settled_at = CASE WHEN b.published_at <= $4 THEN $5 END
         FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS e (kind, subject, revoked_through)
         WHERE b.kind = e.kind AND b.subject = e.subject AND b.revoked_through = e.revoked_through
           AND b.settled_at IS NULL",
    )
    .bind(kinds)
    .bind(subjects)
    .bind(throughs)
    .bind(Time(settles))
    .bind(Time(now))
    .execute(db)
    .await?;
    Ok(())
}

/// Whether anything stands in the way of a token.
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
