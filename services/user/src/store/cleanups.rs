//! Credentials to be removed at auth, after a registration that was given up without knowing whether auth had it.

use chassis::stores::Time;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

pub async fn schedule(db: &mut PgConnection, user_id: Uuid, not_before: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO credential_cleanups (user_id, not_before) VALUES ($1, $2)
         ON CONFLICT (user_id) DO UPDATE SET not_before = excluded.not_before",
    )
    .bind(user_id)
    .bind(Time(not_before))
    .execute(db)
    .await?;
    Ok(())
}

/// Takes up to `most` that are due, for the time until `until`. Replicas never take the same.
pub async fn claim(
    db: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    most: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar(
        "UPDATE credential_cleanups SET not_before = $2 WHERE user_id IN (
             SELECT user_id FROM credential_cleanups WHERE not_before <= $1
             ORDER BY not_before LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING user_id",
    )
    .bind(Time(now))
    .bind(Time(until))
    .bind(most)
    .fetch_all(db)
    .await
}

pub async fn done(db: &mut PgConnection, user_id: Uuid) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM credential_cleanups WHERE user_id = $1").bind(user_id).execute(db).await?;
    Ok(())
}
