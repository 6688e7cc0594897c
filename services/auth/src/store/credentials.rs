//! The rows people sign in with.

use chassis::stores::Time;
use contracts::auth::UserSummary;
use jiff::Timestamp;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

#[derive(Clone, Debug, FromRow)]
pub struct Credential {
    pub user_id: Uuid,
    pub email: String,
    pub email_normalised: String,
    pub username: String,
    pub password_hash: Option<String>,
    pub status: String,
    pub roles: Json<Vec<String>>,
    pub version: i64,
    pub created_at: Time,
}

impl Credential {
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }

    pub fn summary(&self) -> UserSummary {
        UserSummary {
            id: self.user_id,
            email: self.email.clone(),
            username: self.username.clone(),
            roles: self.roles.0.clone(),
        }
    }
}

pub struct NewCredential<'a> {
    pub user_id: Uuid,
    pub email: &'a str,
    pub email_normalised: &'a str,
    pub username: &'a str,
    pub password_hash: &'a str,
    pub roles: &'a [String],
}

pub async fn by_id(db: &mut PgConnection, user_id: Uuid) -> sqlx::Result<Option<Credential>> {
    sqlx::query_as(
        "SELECT user_id, email, email_normalised, username, password_hash, status, roles, version, created_at
         FROM credentials WHERE user_id = $1",
    )
    .bind(user_id)
    .fetch_optional(db)
    .await
}

pub async fn by_email(db: &mut PgConnection, email_normalised: &str) -> sqlx::Result<Option<Credential>> {
    sqlx::query_as(
        "SELECT user_id, email, email_normalised, username, password_hash, status, roles, version, created_at
         FROM credentials WHERE email_normalised = $1",
    )
    .bind(email_normalised)
    .fetch_optional(db)
    .await
}

/// Whether the row was new; an id or an e-mail that is there already leaves everything as it is.
pub async fn insert(db: &mut PgConnection, new: &NewCredential<'_>, now: Timestamp) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO credentials
             (user_id, email, email_normalised, username, password_hash, roles, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT DO NOTHING",
    )
    .bind(new.user_id)
    .bind(new.email)
    .bind(new.email_normalised)
    .bind(new.username)
    .bind(new.password_hash)
    .bind(Json(new.roles))
    .bind(Time(now))
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps everybody from signing in until the transaction ends; refreshing goes on, it holds its session.
pub async fn hold(db: &mut PgConnection, user_id: Uuid) -> sqlx::Result<bool> {
    let held = sqlx::query("SELECT 1 FROM credentials WHERE user_id = $1 FOR NO KEY UPDATE")
        .bind(user_id)
        .fetch_optional(db)
        .await?;
    Ok(held.is_some())
}

pub async fn delete(db: &mut PgConnection, user_id: Uuid) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM credentials WHERE user_id = $1").bind(user_id).execute(db).await?;
    Ok(())
}

/// Marks a login, unless the credential changed since its password was verified. Holds the row until the commit, so
/// that nobody is suspended or changes a password between the check and the session.
pub async fn mark_login(
    db: &mut PgConnection,
    seen: &Credential,
    now: Timestamp,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "UPDATE credentials SET last_login_at = $4, event_sequence = event_sequence + 1
         WHERE user_id = $1 AND version = $2 AND password_hash = $3 AND status = 'active'
         RETURNING event_sequence",
    )
    .bind(seen.user_id)
    .bind(seen.version)
    .bind(seen.password_hash.as_deref())
    .bind(Time(now))
    .fetch_optional(db)
    .await
}

/// The number of the next event about this person.
pub async fn next_sequence(db: &mut PgConnection, user_id: Uuid) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "UPDATE credentials SET event_sequence = event_sequence + 1 WHERE user_id = $1 RETURNING event_sequence",
    )
    .bind(user_id)
    .fetch_optional(db)
    .await
}

/// Replaces a hash by a better one of the same password.
pub async fn upgrade_hash(db: &mut PgConnection, seen: &Credential, better: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE credentials SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2")
        .bind(seen.user_id)
        .bind(seen.password_hash.as_deref())
        .bind(better)
        .execute(db)
        .await?;
    Ok(())
}
