//! The trail of what matters for somebody's security: for themselves, for support and for audit.

use crate::domain::origin::Origin;
use chassis::stores::Time;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

pub struct SecurityEvent<'a> {
    pub user_id: Uuid,
    pub session_id: Option<Uuid>,
    pub kind: &'static str,
    pub origin: &'a Origin,
    pub details: Value,
}

pub async fn insert(db: &mut PgConnection, event: &SecurityEvent<'_>, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO security_events (id, user_id, session_id, kind, ip, user_agent, details, occurred_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(Uuid::now_v7())
    .bind(event.user_id)
    .bind(event.session_id)
    .bind(event.kind)
    .bind(event.origin.ip())
    .bind(event.origin.user_agent.as_deref())
    .bind(&event.details)
    .bind(Time(now))
    .execute(db)
    .await?;
    Ok(())
}

/// Whether the same was noted of the same person before, wherever it came from.
pub async fn is_noted(db: &mut PgConnection, event: &SecurityEvent<'_>) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM security_events WHERE user_id = $1 AND kind = $2 AND details = $3)",
    )
    .bind(event.user_id)
    .bind(event.kind)
    .bind(&event.details)
    .fetch_one(db)
    .await
}
