//! Events that leave with the transaction that made them: a row beside the change, relayed to the broker afterwards.
//!
//! A service that publishes has this table in its first migration, copied as it is:
//!
//! ```sql
#![doc = include_str!("outbox.sql")]
//! ```

mod relay;

use contracts::events::{Event, Payload};
use sqlx::PgConnection;

pub(crate) use relay::relay;

use crate::context::RequestContext;

/// The table, for a service's tests and its first migration.
pub const SCHEMA: &str = include_str!("outbox.sql");

/// Puts an event into the outbox, in the caller's transaction.
pub async fn append<P: Payload>(connection: &mut PgConnection, event: &Event<P>) -> Result<(), sqlx::Error> {
    let exchange = exchange_of(P::TYPE)
        .ok_or_else(|| sqlx::Error::Protocol(format!("no entry of the catalog publishes {}", P::TYPE)))?;
    let mut body = serde_json::to_value(event).map_err(|error| sqlx::Error::Encode(error.into()))?;
    if event.correlation_id.is_none()
        && let Some(context) = RequestContext::current()
    {
        body["correlationId"] = context.request_id.clone().into();
    }
    sqlx::query("INSERT INTO outbox (event_id, exchange, routing_key, body) VALUES ($1, $2, $3, $4)")
        .bind(event.event_id)
        .bind(exchange)
        .bind(P::TYPE)
        .bind(body)
        .execute(connection)
        .await?;
    relay::WAKE.notify_waiters();
    Ok(())
}

fn exchange_of(key: &str) -> Option<&'static str> {
    publishes().find(|(_, candidate, _)| *candidate == key).map(|(exchange, ..)| exchange)
}

/// Whether nobody may be listening for it on this installation.
fn may_be_unroutable(exchange: &str, key: &str) -> bool {
    publishes().any(|(of, candidate, may)| of == exchange && candidate == key && may)
}

fn publishes() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    let all = catalog::SERVICES.iter().flat_map(|service| service.publishes);
    all.flat_map(|published| published.keys.iter().map(|(key, may)| (published.exchange, *key, *may)))
}
