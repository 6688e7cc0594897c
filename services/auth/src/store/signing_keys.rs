//! The signing keys, and the lock under which they change.

use crate::domain::rotation::{KeyFacts, KeyStatus};
use chassis::stores::Time;
use jiff::Timestamp;
use sqlx::{FromRow, PgConnection};

#[derive(Clone, Debug, FromRow)]
pub struct SigningKey {
    pub kid: String,
    pub public_key: Vec<u8>,
    /// Sealed.
    pub private_key: Vec<u8>,
    pub sealed_with: String,
    status: String,
    created_at: Time,
    activated_at: Option<Time>,
    retired_at: Option<Time>,
}

impl SigningKey {
    pub fn status(&self) -> KeyStatus {
        match self.status.as_str() {
            "pending" => KeyStatus::Pending,
            "active" => KeyStatus::Active,
            _ => KeyStatus::Retired,
        }
    }

    pub fn facts(&self) -> KeyFacts {
        KeyFacts {
            kid: self.kid.clone(),
            status: self.status(),
            created_at: self.created_at.0,
            activated_at: self.activated_at.map(|at| at.0),
            retired_at: self.retired_at.map(|at| at.0),
        }
    }
}

pub struct NewKey {
    pub kid: String,
    pub public_key: Vec<u8>,
    pub private_key: Vec<u8>,
    pub sealed_with: String,
}

/// Makes other replicas wait until this transaction ends.
pub async fn lock(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('orion auth signing keys'))").execute(db).await?;
    Ok(())
}

pub async fn all(db: &mut PgConnection) -> sqlx::Result<Vec<SigningKey>> {
    sqlx::query_as(
        "SELECT kid, public_key, private_key, sealed_with, status, created_at, activated_at, retired_at
         FROM signing_keys ORDER BY created_at, kid",
    )
    .fetch_all(db)
    .await
}

pub async fn insert(db: &mut PgConnection, key: &NewKey, active: bool, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO signing_keys (kid, public_key, private_key, sealed_with, status, created_at, activated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&key.kid)
    .bind(&key.public_key)
    .bind(&key.private_key)
    .bind(&key.sealed_with)
    .bind(if active { "active" } else { "pending" })
    .bind(Time(now))
    .bind(active.then_some(Time(now)))
    .execute(db)
    .await?;
    Ok(())
}

/// The active key retires, then `kid` signs.
pub async fn promote(db: &mut PgConnection, kid: &str, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE signing_keys SET status = 'retired', retired_at = $1 WHERE status = 'active'")
        .bind(Time(now))
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE signing_keys SET status = 'active', activated_at = $2 WHERE kid = $1")
        .bind(kid)
        .bind(Time(now))
        .execute(db)
        .await?;
    Ok(())
}

pub async fn delete(db: &mut PgConnection, kid: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM signing_keys WHERE kid = $1 AND status = 'retired'")
        .bind(kid)
        .execute(db)
        .await?;
    Ok(())
}
