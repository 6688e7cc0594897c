//! Revoked access tokens: written to PostgreSQL first, then to Redis, where every gateway looks.
//!
//! Redis may lose everything at any time. `revoked:epoch` tells a Redis that was filled from one that was emptied:
//! while it is missing nobody trusts what Redis does not say, and a replica of this service fills it again. It is a
//! lease, renewed only after Redis has taken all there was to write: a Redis that can be read but takes nothing (out
//! of memory, disk full) is in the end no longer trusted either, and for that nothing needs to be written to it. How
//! long the lease is, and why, is in docs/adr/0003-revocation-epoch.md.

use crate::error::AuthError;
use crate::state::App;
use crate::store::blacklist::{self, Entry};
use crate::store::sessions;
use chassis::stores::Time;
use contracts::AccessClaims;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

/// Added to an access token's life: clocks differ a little between the machine that signs and those that verify.
const LEEWAY: SignedDuration = SignedDuration::from_mins(2);
const PAGE: i64 = 500;
/// Redis writes to its disk each second: what it had for longer than this survives its crash.
const SETTLES_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// A few rounds may be slow or fail before the lease ends.
const ROUNDS_IN_A_LEASE: u32 = 5;

/// What has been revoked in PostgreSQL and is to be told to Redis after the commit.
pub struct Revoked {
    entries: Vec<Entry>,
    refresh_hashes: Vec<Vec<u8>>,
}

/// Ends sessions, their refresh tokens and every access token that was issued in them.
pub async fn end_sessions(
    app: &App,
    db: &mut PgConnection,
    ids: &[Uuid],
    jti: Option<Uuid>,
    reason: &str,
    now: Timestamp,
) -> Result<Revoked, AuthError> {
    let refresh_hashes = sessions::revoke(db, ids, reason, now).await?;
    let sids = ids.iter().map(|id| entry(app, "sid", *id, now));
    let entries: Vec<Entry> = sids.chain(jti.map(|jti| entry(app, "jti", jti, now))).collect();
    for entry in &entries {
        blacklist::insert(db, entry, reason, now).await?;
    }
    Ok(Revoked { entries, refresh_hashes })
}

/// Ends everything of one person. Of what is issued later under this id nothing is touched.
pub async fn end_person(
    app: &App,
    db: &mut PgConnection,
    user_id: Uuid,
    reason: &str,
    now: Timestamp,
) -> Result<Revoked, AuthError> {
    let ids: Vec<Uuid> = sessions::lock_open_of(db, user_id).await?.into_iter().map(|s| s.id).collect();
    let mut revoked = end_sessions(app, db, &ids, None, reason, now).await?;
    let person = Entry { revoked_through: Time(now), ..entry(app, "sub", user_id, now) };
    blacklist::insert(db, &person, reason, now).await?;
    revoked.entries.push(person);
    Ok(revoked)
}

/// For good: whatever was issued of it, also by a replica whose clock runs ahead, is covered until none of it can be alive.
fn entry(app: &App, kind: &str, subject: Uuid, now: Timestamp) -> Entry {
    let end = Time(now + app.settings.access_token_ttl + LEEWAY);
    Entry { kind: kind.to_owned(), subject: subject.to_string(), revoked_through: end, expires_at: end }
}

/// Tells Redis. What it does not take now is taken by `keep_redis_filled`.
pub async fn publish(app: &App, revoked: Revoked, now: Timestamp) {
    app.cache.forget(&revoked.refresh_hashes).await;
    if let Err(error) = write(app, &revoked.entries, now).await {
        tracing::warn!(%error, "revocation not yet in Redis; it is in session_blacklist and will be written again");
    }
}

async fn write(app: &App, entries: &[Entry], now: Timestamp) -> Result<(), AuthError> {
    if entries.is_empty() {
        return Ok(());
    }
    app.cache.revoke(entries, now).await?;
    Ok(blacklist::mark_published(&mut *app.db().await?, entries, now - SETTLES_AFTER, now).await?)
}

/// Whether a token was revoked: asked of PostgreSQL, which has it before the answer to a logout. Redis may not.
pub async fn is_revoked(app: &App, claims: &AccessClaims) -> Result<bool, AuthError> {
    let subjects = (claims.jti.to_string(), claims.sid.to_string(), claims.sub.to_string());
    let issued_at = Timestamp::from_second(claims.iat).map_err(|_| AuthError::InvalidToken)?;
    let db = &mut *app.db().await?;
    let now = app.clock.now();
    Ok(blacklist::is_revoked(db, (&subjects.0, &subjects.1, &subjects.2), issued_at, now).await?)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// Redis has what it should; this many entries were written, late or once more.
    Kept(usize),
    /// Redis had been emptied, or had refused to be written to; this many entries were written.
    Rebuilt(usize),
    /// Redis was emptied meanwhile, or the lease ended: to be repeated.
    Interrupted,
}

/// One round of the background task; safe on any number of replicas at once.
pub async fn keep_redis_filled(app: &App) -> Result<Filled, AuthError> {
    let now = app.clock.now();
    let lease = app.settings.revocation_lease.max(app.settings.revocations_every * ROUNDS_IN_A_LEASE);
    if app.cache.has_epoch().await? {
        let late = write_late(app, now).await?;
        let renewed = app.cache.renew_epoch(lease).await?;
        return Ok(if renewed { Filled::Kept(late) } else { Filled::Interrupted });
    }
    // The marker comes before the first row is read: whatever was committed before an emptying is then read, and
    // an emptying after it takes the marker along, without which the epoch can't be set.
    let marker = app.cache.begin_rebuild(now).await?;
    let (mut after, mut written) = ((String::new(), String::new()), 0);
    loop {
        let page = blacklist::page(&mut *app.db().await?, (&after.0, &after.1), PAGE, now).await?;
        let Some(last) = page.last() else { break };
        after = (last.kind.clone(), last.subject.clone());
        write(app, &page, now).await?;
        written += page.len();
    }
    let done = app.cache.finish_rebuild(&marker, lease).await?;
    Ok(if done { Filled::Rebuilt(written) } else { Filled::Interrupted })
}

/// Writes whatever Redis did not have when this began, however much; an error if it does not take all of it.
async fn write_late(app: &App, now: Timestamp) -> Result<usize, AuthError> {
    let mut written = 0;
    loop {
        let late = blacklist::unsettled(&mut *app.db().await?, PAGE, now - SETTLES_AFTER, now).await?;
        write(app, &late, now).await?;
        written += late.len();
        if (late.len() as i64) < PAGE {
            return Ok(written);
        }
    }
}
