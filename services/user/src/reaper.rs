//! Ends what a stopped process left: finishes a registration whose credential exists, removes one without.
//!
//! Every replica runs it; rows are claimed with FOR UPDATE SKIP LOCKED for a while, so none is worked on twice.

use std::time::Duration;

use uuid::Uuid;

use crate::error::Error;
use crate::registration;
use crate::state::State;
use crate::store::{cleanups, idempotency, people};

const EVERY: Duration = Duration::from_secs(10);
/// A claim that is not ended by then may be taken by another replica.
const CLAIM: Duration = Duration::from_secs(30);
const MOST: i64 = 20;
/// How long a repeated call finds its answer.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// What one pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub finished: usize,
    pub removed: usize,
    pub cleaned: usize,
}

pub async fn run(state: State) {
    loop {
        match sweep(&state).await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(swept) => tracing::info!(?swept, "ended registrations that were left"),
            Err(error) => tracing::warn!(%error, "could not look for registrations that were left"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One pass. What auth gives no answer about stays for a later one.
pub async fn sweep(state: &State) -> Result<Swept, Error> {
    let now = state.clock.now();
    let mut swept = Swept::default();
    let mut db = state.db.acquire().await?;
    idempotency::forget(&mut db, now - REMEMBERED).await?;
    let abandoned = people::claim_abandoned(&mut db, now, now + CLAIM, MOST).await?;
    let due = cleanups::claim(&mut db, now, now + CLAIM, MOST).await?;
    drop(db);
    for id in abandoned {
        end(state, id, &mut swept).await?;
    }
    for id in due {
        if state.credentials.delete(id).await.is_ok() {
            cleanups::done(&mut *state.db.acquire().await?, id).await?;
            swept.cleaned += 1;
        }
    }
    Ok(swept)
}

async fn end(state: &State, id: Uuid, swept: &mut Swept) -> Result<(), Error> {
    match state.credentials.exists(id).await {
        Ok(true) => swept.finished += usize::from(registration::activate(state, id).await?.is_some()),
        Ok(false) => {
            let removed = people::remove_pending(&mut *state.db.acquire().await?, id).await?;
            swept.removed += usize::from(removed);
        }
        Err(_) => {}
    }
    Ok(())
}
