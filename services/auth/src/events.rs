//! The events of this service, put into the outbox in the transaction of what they tell.

use crate::domain::origin::Origin;
use crate::error::AuthError;
use crate::store::credentials;
use chassis::outbox;
use contracts::events::{Event, SuspiciousActivity, UserLogin, UserLogout};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) async fn login(
    db: &mut PgConnection,
    user_id: Uuid,
    session_id: Uuid,
    sequence: i64,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), AuthError> {
    let mut context = context(origin, Value::Null);
    context.insert("method".to_owned(), "password".into());
    let payload = UserLogin { user_id, session_id, ip_address: origin.ip(), device_id: None, context };
    Ok(outbox::append(db, &Event::new(user_id, sequence, now, payload)).await?)
}

pub(crate) async fn logout(
    db: &mut PgConnection,
    user_id: Uuid,
    session_id: Uuid,
    details: Value,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), AuthError> {
    let payload =
        UserLogout { user_id, session_id, ip_address: origin.ip(), context: context(origin, details) };
    let sequence = sequence(db, user_id).await?;
    Ok(outbox::append(db, &Event::new(user_id, sequence, now, payload)).await?)
}

pub(crate) async fn suspicious(
    db: &mut PgConnection,
    (user_id, session_id): (Uuid, Option<Uuid>),
    reason: &str,
    details: Value,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), AuthError> {
    let payload = SuspiciousActivity {
        user_id: Some(user_id),
        session_id,
        ip_address: origin.ip(),
        reason: reason.to_owned(),
        context: context(origin, details),
    };
    let sequence = sequence(db, user_id).await?;
    Ok(outbox::append(db, &Event::new(user_id, sequence, now, payload)).await?)
}

/// Of a person who is gone meanwhile nothing follows: any number will do.
async fn sequence(db: &mut PgConnection, user_id: Uuid) -> Result<i64, AuthError> {
    Ok(credentials::next_sequence(db, user_id).await?.unwrap_or(i64::MAX))
}

fn context(origin: &Origin, details: Value) -> Map<String, Value> {
    let mut context = match details {
        Value::Object(details) => details,
        _ => Map::new(),
    };
    if let Some(agent) = &origin.user_agent {
        context.insert("userAgent".to_owned(), agent.as_str().into());
    }
    context
}
