//! What has served its time goes, a bounded number of rows at once, so that no table only grows.

use chassis::stores::Time;
use jiff::Timestamp;
use sqlx::PgConnection;

/// Each statement takes the moment before which rows go, and how many at most.
const OVER: [&str; 4] = [
    "DELETE FROM session_blacklist WHERE ctid IN
         (SELECT ctid FROM session_blacklist WHERE expires_at < $1 LIMIT $2)",
    "DELETE FROM auth_tokens WHERE id IN (SELECT id FROM auth_tokens WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    "DELETE FROM rate_limits WHERE ctid IN
         (SELECT ctid FROM rate_limits WHERE last_failure_at < $1 AND (locked_until IS NULL OR locked_until < $1) LIMIT $2)",
];
const LOGGED: [&str; 2] = [
    "DELETE FROM login_attempts WHERE id IN (SELECT id FROM login_attempts WHERE attempted_at < $1 LIMIT $2)",
    "DELETE FROM security_events WHERE id IN (SELECT id FROM security_events WHERE occurred_at < $1 LIMIT $2)",
];

/// Removes what ended before `over` and what was logged before `logged`; gives the number of rows.
pub async fn run(db: &mut PgConnection, over: Timestamp, logged: Timestamp, limit: i64) -> sqlx::Result<u64> {
    let statements = OVER.iter().map(|s| (*s, over)).chain(LOGGED.iter().map(|s| (*s, logged)));
    let mut removed = 0;
    for (statement, before) in statements {
        removed +=
            sqlx::query(statement).bind(Time(before)).bind(limit).execute(&mut *db).await?.rows_affected();
    }
    Ok(removed)
}
