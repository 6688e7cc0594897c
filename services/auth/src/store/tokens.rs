//! Refresh tokens by their hashes, and the chain in which one replaces another.

use crate::domain::origin::Origin;
use crate::domain::refresh::Status;
use chassis::stores::Time;
use jiff::Timestamp;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

#[derive(Clone, Debug, FromRow)]
pub struct Token {
    pub id: Uuid,
    pub user_id: Uuid,
    pub session_id: Uuid,
    pub family_id: Uuid,
    status: String,
    pub expires_at: Time,
    rotated_at: Option<Time>,
}

impl Token {
    pub fn status(&self) -> Status {
        match (self.status.as_str(), self.rotated_at) {
            ("active", _) => Status::Active,
            ("rotated", Some(at)) => Status::Rotated { at: at.0 },
            _ => Status::Revoked,
        }
    }
}

#[derive(Clone, Debug, FromRow)]
pub struct Successor {
    pub id: Uuid,
    pub token_hash: Vec<u8>,
    pub expires_at: Time,
    status: String,
}

impl Successor {
    pub fn is_unused(&self) -> bool {
        self.status == "active"
    }
}

pub struct NewToken<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    pub session_id: Uuid,
    pub family_id: Uuid,
    pub parent_id: Option<Uuid>,
    pub token_hash: &'a [u8],
    pub expires_at: Timestamp,
    pub origin: &'a Origin,
}

pub async fn session_of(db: &mut PgConnection, token_hash: &[u8]) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar("SELECT session_id FROM auth_tokens WHERE token_hash = $1")
        .bind(token_hash)
        .fetch_optional(db)
        .await
}

pub async fn by_hash(db: &mut PgConnection, token_hash: &[u8]) -> sqlx::Result<Option<Token>> {
    sqlx::query_as(
        "SELECT id, user_id, session_id, family_id, status, expires_at, rotated_at
         FROM auth_tokens WHERE token_hash = $1",
    )
    .bind(token_hash)
    .fetch_optional(db)
    .await
}

pub async fn successor_of(db: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Successor>> {
    sqlx::query_as("SELECT id, token_hash, expires_at, status FROM auth_tokens WHERE parent_id = $1")
        .bind(id)
        .fetch_optional(db)
        .await
}

pub async fn insert(db: &mut PgConnection, new: &NewToken<'_>, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO auth_tokens
             (id, user_id, session_id, family_id, parent_id, token_hash, issued_at, expires_at, ip, user_agent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(new.id)
    .bind(new.user_id)
    .bind(new.session_id)
    .bind(new.family_id)
    .bind(new.parent_id)
    .bind(new.token_hash)
    .bind(Time(now))
    .bind(Time(new.expires_at))
    .bind(new.origin.ip())
    .bind(new.origin.user_agent.as_deref())
    .execute(db)
    .await?;
    Ok(())
}

pub async fn mark_rotated(db: &mut PgConnection, id: Uuid, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE auth_tokens SET status = 'rotated', rotated_at = $2 WHERE id = $1")
        .bind(id)
        .bind(Time(now))
        .execute(db)
        .await?;
    Ok(())
}
