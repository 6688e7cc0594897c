//! Counters of failed logins. In PostgreSQL because a login needs it anyway: no second store whose loss opens the door.

use crate::domain::lockout::{Counter, Policy};
use chassis::stores::Time;
use jiff::Timestamp;
use sqlx::PgConnection;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Account,
    Address,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Account => "account",
            Kind::Address => "address",
        }
    }
}

/// When the longest of the locks on these subjects ends.
pub async fn locked_until(
    db: &mut PgConnection,
    account: &str,
    address: Option<&str>,
    now: Timestamp,
) -> sqlx::Result<Option<Timestamp>> {
    let until: Option<Time> = sqlx::query_scalar(
        "SELECT max(locked_until) FROM rate_limits
         WHERE ((kind = 'account' AND subject = $1) OR (kind = 'address' AND subject = $2)) AND locked_until > $3",
    )
    .bind(account)
    .bind(address)
    .bind(Time(now))
    .fetch_one(db)
    .await?;
    Ok(until.map(|at| at.0))
}

/// Counts one more failure. The row is held until the commit: no two failures count as one.
pub async fn count_failure(
    db: &mut PgConnection,
    kind: Kind,
    subject: &str,
    policy: &Policy,
    now: Timestamp,
) -> sqlx::Result<Counter> {
    let inserted = sqlx::query(
        "INSERT INTO rate_limits (kind, subject, failures, last_failure_at) VALUES ($1, $2, 0, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(kind.name())
    .bind(subject)
    .bind(Time(now))
    .execute(&mut *db)
    .await?;
    let (failures, last, until): (i32, Time, Option<Time>) = sqlx::query_as(
        "SELECT failures, last_failure_at, locked_until FROM rate_limits
         WHERE kind = $1 AND subject = $2 FOR UPDATE",
    )
    .bind(kind.name())
    .bind(subject)
    .fetch_one(&mut *db)
    .await?;
    let before = (inserted.rows_affected() == 0).then(|| Counter {
        failures: u32::try_from(failures).unwrap_or(0),
        last_failure_at: last.0,
        locked_until: until.map(|at| at.0),
    });
    let after = policy.after_failure(before, now);
    sqlx::query(
        "UPDATE rate_limits SET failures = $3, last_failure_at = $4, locked_until = $5
         WHERE kind = $1 AND subject = $2",
    )
    .bind(kind.name())
    .bind(subject)
    .bind(i32::try_from(after.failures).unwrap_or(i32::MAX))
    .bind(Time(after.last_failure_at))
    .bind(after.locked_until.map(Time))
    .execute(db)
    .await?;
    Ok(after)
}

/// A good login clears the account's count, never the address's: else one own account would pay for guessing others.
pub async fn clear_account(db: &mut PgConnection, account: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM rate_limits WHERE kind = 'account' AND subject = $1")
        .bind(account)
        .execute(db)
        .await?;
    Ok(())
}
