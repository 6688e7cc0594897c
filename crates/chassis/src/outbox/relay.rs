//! Publishes what is due, as many replicas as there are: each takes rows that no other holds.

use std::time::Duration;

use futures::FutureExt;
use futures::future::Shared;
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
/// For the broker to take and confirm a batch. The database ends a transaction that is idle for 30 s, and with it the
/// knowledge of what was confirmed.
const BATCH_WITHIN: Duration = Duration::from_secs(10);
/// What is left of it when the service is told to go: what was confirmed is not to be sent again after the start.
const AFTER_STOP: Duration = Duration::from_secs(1);

pub(crate) async fn relay(pool: PgPool, bus: Bus, service: &'static str, stop: CancellationToken) {
    let mut publisher = bus.publisher();
    let mut eager = 0;
    while !stop.is_cancelled() {
        let moved = turn(&pool, &mut publisher, service, &stop).await.unwrap_or_else(|error| {
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
async fn turn(
    pool: &PgPool,
    publisher: &mut Publisher,
    service: &'static str,
    stop: &CancellationToken,
) -> Result<usize, sqlx::Error> {
    let (age, due): (Option<f64>, bool) = sqlx::query_as(
        "SELECT extract(epoch FROM now() - min(created_at))::float8, coalesce(min(next_attempt_at) <= now(), false) \
         FROM outbox",
    )
    .fetch_one(pool)
    .await?;
    // An alarm looks at this: a growing outbox fails nothing by itself.
    metrics::gauge!("orion_outbox_oldest_seconds", "service" => service).set(age.unwrap_or(0.0));
    if due { batch(pool, publisher, stop).await } else { Ok(0) }
}

struct Waiting {
    id: i64,
    event_id: uuid::Uuid,
    exchange: String,
    routing_key: String,
    body: serde_json::Value,
    attempts: i32,
}

async fn batch(
    pool: &PgPool,
    publisher: &mut Publisher,
    stop: &CancellationToken,
) -> Result<usize, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let rows = due(&mut transaction).await?;
    let over = end(stop.clone(), BATCH_WITHIN, AFTER_STOP).boxed().shared();
    // All are on their way before the first is waited for.
    let mut sent = Vec::with_capacity(rows.len());
    for row in &rows {
        if over.peek().is_some() {
            break;
        }
        let body = row.body.to_string();
        let id = row.event_id.to_string();
        let sending = publisher.send(&row.exchange, &row.routing_key, &id, body.as_bytes());
        sent.push((row, in_time(sending, &over).await));
    }
    let mut settled = Vec::new();
    for (row, pending) in sent {
        let published = match pending {
            Ok(pending) => in_time(pending.confirmed(), &over).await,
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

async fn end(stop: CancellationToken, within: Duration, after_stop: Duration) {
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(after_stop).await;
    };
    tokio::select! {
        () = stopped => {}
        () = tokio::time::sleep(within) => {}
    }
}

/// An answer that is there counts, however late it is asked for.
async fn in_time<T, O>(
    answer: impl Future<Output = Result<T, BusError>>,
    over: &Shared<O>,
) -> Result<T, BusError>
where
    O: Future<Output = ()>,
{
    tokio::select! {
        biased;
        answer = answer => answer,
        () = over.clone() => Err(BusError::Down("the broker did not answer in time".to_owned())),
    }
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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn a_batch_is_waited_for_once_and_what_was_confirmed_by_then_counts() {
        let over = end(CancellationToken::new(), SHORT, LONG).shared();
        for _ in 0..2 {
            let silent = in_time(pending::<Result<Published, _>>(), &over).await;
            assert!(matches!(silent, Err(BusError::Down(_))));
            let confirmed = in_time(ready(Ok(Published::Routed)), &over).await;
            assert_eq!(confirmed.unwrap(), Published::Routed);
        }
        assert!(over.peek().is_some(), "nothing more is sent");
    }

    #[tokio::test]
    async fn a_service_that_is_to_go_waits_for_no_whole_batch() {
        let stop = CancellationToken::new();
        let over = end(stop.clone(), LONG, SHORT).shared();
        stop.cancel();
        assert!(in_time(pending::<Result<Published, _>>(), &over).await.is_err());
    }
}
