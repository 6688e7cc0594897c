//! Publishes what is due, as many replicas as there are: each takes rows that no other holds.

use std::time::Duration;

use sqlx::{PgPool, Postgres, Row, Transaction};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::stores::bus::{Bus, BusError};
use crate::stores::{Published, Publisher};

/// Somebody put an event into an outbox of this process.
pub(super) static WAKE: Notify = Notify::const_new();

const BATCH: i64 = 100;
/// Between looks, when nobody says that there is something: rows that failed before, or another replica's.
const IDLE: Duration = Duration::from_secs(1);
/// After a word, the row may still be invisible: its transaction has not ended yet.
const AFTER_WORD: Duration = Duration::from_millis(25);
const LOOKS_AFTER_WORD: u32 = 8;

pub(crate) async fn relay(pool: PgPool, bus: Bus, service: &'static str, stop: CancellationToken) {
    let mut publisher = bus.publisher();
    let mut eager = 0;
    loop {
        let moved = turn(&pool, &mut publisher, service).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the outbox could not be read");
            0
        });
        if moved > 0 {
            eager = LOOKS_AFTER_WORD;
            continue;
        }
        let pause = if eager > 0 { AFTER_WORD } else { IDLE };
        eager = u32::saturating_sub(eager, 1);
        tokio::select! {
            () = stop.cancelled() => return,
            () = WAKE.notified() => eager = LOOKS_AFTER_WORD,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// How many rows left the outbox. One question when there is nothing to do, which is mostly.
async fn turn(pool: &PgPool, publisher: &mut Publisher, service: &'static str) -> Result<usize, sqlx::Error> {
    let (age, due): (Option<f64>, bool) = sqlx::query_as(
        "SELECT extract(epoch FROM now() - min(created_at))::float8, coalesce(min(next_attempt_at) <= now(), false) \
         FROM outbox",
    )
    .fetch_one(pool)
    .await?;
    // An alarm looks at this: a growing outbox fails nothing by itself.
    metrics::gauge!("orion_outbox_oldest_seconds", "service" => service).set(age.unwrap_or(0.0));
    if due { batch(pool, publisher).await } else { Ok(0) }
}

struct Waiting {
    id: i64,
    event_id: uuid::Uuid,
    exchange: String,
    routing_key: String,
    body: serde_json::Value,
    attempts: i32,
}

async fn batch(pool: &PgPool, publisher: &mut Publisher) -> Result<usize, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let rows = due(&mut transaction).await?;
    // All are on their way before the first is waited for.
    let mut sent = Vec::with_capacity(rows.len());
    for row in &rows {
        let body = row.body.to_string();
        let id = row.event_id.to_string();
        sent.push((row, publisher.send(&row.exchange, &row.routing_key, &id, body.as_bytes()).await));
    }
    let mut settled = Vec::new();
    for (row, pending) in sent {
        let published = match pending {
            Ok(pending) => pending.confirmed().await,
            Err(error) => Err(error),
        };
        match outcome(row, published) {
            Ok(true) => settled.push(row.id),
            // The broker is away: that is no fault of the event, which is due as soon as the broker is back.
            Ok(false) => {}
            Err(error) => postpone(&mut transaction, row, &error).await?,
        }
    }
    if !settled.is_empty() {
        sqlx::query("DELETE FROM outbox WHERE id = ANY($1)")
            .bind(&settled)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(settled.len())
}

fn outcome(row: &Waiting, published: Result<Published, BusError>) -> Result<bool, String> {
    match published {
        Ok(Published::Routed) => Ok(true),
        Ok(Published::Returned) if super::may_be_unroutable(&row.exchange, &row.routing_key) => Ok(true),
        Ok(Published::Returned) => Err("no queue is bound for it".to_owned()),
        Err(BusError::Down(_)) => Ok(false),
        Err(error @ BusError::Refused(_)) => Err(error.to_string()),
    }
}

async fn due(transaction: &mut Transaction<'_, Postgres>) -> Result<Vec<Waiting>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, event_id, exchange, routing_key, body, attempts FROM outbox WHERE next_attempt_at <= now() \
         ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
    )
    .bind(BATCH)
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Waiting {
                id: row.try_get("id")?,
                event_id: row.try_get("event_id")?,
                exchange: row.try_get("exchange")?,
                routing_key: row.try_get("routing_key")?,
                body: row.try_get("body")?,
                attempts: row.try_get("attempts")?,
            })
        })
        .collect()
}

/// Doubling from 1 s to 5 min. The first failure and each later one at a growing distance are logged.
async fn postpone(
    transaction: &mut Transaction<'_, Postgres>,
    row: &Waiting,
    error: &str,
) -> Result<(), sqlx::Error> {
    tracing::warn!(event_id = %row.event_id, routing_key = row.routing_key, attempts = row.attempts + 1, error, "an event was not published");
    sqlx::query(
        "UPDATE outbox SET attempts = attempts + 1, last_error = $2, \
         next_attempt_at = now() + make_interval(secs => least(300, power(2, least(attempts, 9)))) WHERE id = $1",
    )
    .bind(row.id)
    .bind(error)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
