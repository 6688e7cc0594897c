//! The log of logins, good and bad.

use crate::domain::origin::Origin;
use chassis::stores::Time;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    UnknownUser,
    WrongPassword,
    NotActive,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::UnknownUser => "unknown_user",
            Outcome::WrongPassword => "wrong_password",
            Outcome::NotActive => "not_active",
        }
    }
}

pub async fn insert(
    db: &mut PgConnection,
    user_id: Option<Uuid>,
    email: &str,
    outcome: Outcome,
    origin: &Origin,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO login_attempts (id, user_id, email, outcome, ip, user_agent, attempted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Uuid::now_v7())
    .bind(user_id)
    .bind(email)
    .bind(outcome.name())
    .bind(origin.ip())
    .bind(origin.user_agent.as_deref())
    .bind(Time(now))
    .execute(db)
    .await?;
    Ok(())
}
