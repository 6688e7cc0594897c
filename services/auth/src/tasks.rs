//! What runs beside the requests: keys, revocations in Redis, and the removal of what has served its time.

use crate::error::AuthError;
use crate::flows::revocation::Filled;
use crate::flows::{keys, revocation};
use crate::state::App;
use crate::store::purge;
use chassis::Chassis;
use jiff::SignedDuration;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

const PURGE_EVERY: Duration = Duration::from_secs(600);
const PURGE_AT_ONCE: i64 = 5_000;

pub(crate) fn start(chassis: &Chassis, app: &Arc<App>) {
    every(chassis, app, app.settings.keys_every, "signing keys", |app| Box::pin(keys::rotate_and_load(app)));
    every(chassis, app, app.settings.revocations_every, "revocations in Redis", |app| {
        Box::pin(fill_redis(app))
    });
    every(chassis, app, PURGE_EVERY, "purge", |app| Box::pin(purge_all(app)));
}

async fn fill_redis(app: &App) -> Result<(), AuthError> {
    match revocation::keep_redis_filled(app).await? {
        Filled::Kept(_) => {}
        filled => tracing::info!(?filled, "Redis had been emptied, or had refused revocations"),
    }
    Ok(())
}

async fn purge_all(app: &App) -> Result<(), AuthError> {
    let now = app.clock.now();
    // A day longer than needed: for whoever looks into what happened.
    let (over, logged) = (now - SignedDuration::from_hours(24), now - app.settings.log_retention);
    while purge::run(&mut *app.db().await?, over, logged, PURGE_AT_ONCE).await? > 0 {}
    Ok(())
}

type Work = for<'a> fn(&'a App) -> Pin<Box<dyn Future<Output = Result<(), AuthError>> + Send + 'a>>;

/// Repeats `work`, at once and then after each pause, until the service ends. A failure is logged when it is new.
fn every(chassis: &Chassis, app: &Arc<App>, pause: Duration, what: &'static str, work: Work) {
    let app = Arc::clone(app);
    chassis.spawn(async move |stop| {
        let mut last = String::new();
        loop {
            let words = work(&app).await.err().map(|error| error.to_string()).unwrap_or_default();
            if words != last && !words.is_empty() {
                tracing::warn!(what, error = words, "background work failed; it will be tried again");
            }
            last = words;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    });
}
