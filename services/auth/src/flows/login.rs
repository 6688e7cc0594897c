//! Login: the same answer at the same cost whether the account exists or not, counted before it can be guessed at.

use super::issue;
use crate::domain::email::fingerprint;
use crate::domain::origin::Origin;
use crate::domain::passwords::Outcome;
use crate::error::AuthError;
use crate::events;
use crate::state::App;
use crate::store::attempts::{self, Outcome as Attempt};
use crate::store::credentials::{self, Credential};
use crate::store::limits::{self, Kind};
use crate::store::security_events::{self, SecurityEvent};
use contracts::auth::{LoginRequest, TokenResponse};
use contracts::normalise_email;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// Who is trying, in the forms that are looked up and counted.
struct Claimant {
    email: String,
    account: String,
    address: Option<String>,
}

pub async fn login(app: &App, request: LoginRequest, origin: &Origin) -> Result<TokenResponse, AuthError> {
    let email = normalise_email(&request.email);
    let who = Claimant { account: fingerprint(&email), address: origin.network(), email };
    // Asked once before queueing, so that a locked account costs nothing, and once when it is our turn: no more
    // guesses can be under way than there are turns.
    refuse_when_locked(app, &who).await?;
    let turn = app.passwords.turn().await?;
    refuse_when_locked(app, &who).await?;
    let person = credentials::by_email(&mut *app.db().await?, &who.email).await?;
    let stored = person.as_ref().and_then(|p| p.password_hash.clone());
    let (turn, outcome) = turn.verify(request.password.expose().to_owned(), stored).await;
    let answer = match (person, outcome) {
        (Some(person), Outcome::Matches { better }) if person.is_active() => {
            accept(app, &who, person, better, origin).await
        }
        (Some(person), Outcome::Matches { .. }) => disabled(app, &who, &person, origin).await,
        (Some(person), Outcome::Unusable { reason }) => {
            note_unusable(person.user_id, &reason);
            refuse(app, &who, Some(&person), origin).await
        }
        (person, _) => refuse(app, &who, person.as_ref(), origin).await,
    };
    // Held until the failure is written: the next guess must see it.
    drop(turn);
    answer
}

/// For whoever keeps the accounts. The client is told what anybody is told whose password is wrong.
pub(super) fn note_unusable(user_id: Uuid, reason: &str) {
    tracing::error!(%user_id, reason, "the stored password hash can't be used: this person needs a new password");
}

async fn refuse_when_locked(app: &App, who: &Claimant) -> Result<(), AuthError> {
    let now = app.clock.now();
    let until =
        limits::locked_until(&mut *app.db().await?, &who.account, who.address.as_deref(), now).await?;
    until.map_or(Ok(()), |until| Err(AuthError::Locked(until.duration_since(now))))
}

async fn accept(
    app: &App,
    who: &Claimant,
    person: Credential,
    better: Option<String>,
    origin: &Origin,
) -> Result<TokenResponse, AuthError> {
    let now = app.clock.now();
    let mut tx = app.begin().await?;
    // Before the credential: a failed login holds the two in this order. Undone when the next step says no.
    limits::clear_account(&mut tx, &who.account).await?;
    let Some(sequence) = credentials::mark_login(&mut tx, &person, now).await? else {
        // Suspended, deleted or given another password while this one was verified.
        return Err(AuthError::InvalidCredentials);
    };
    if let Some(better) = better {
        credentials::upgrade_hash(&mut tx, &person, &better).await?;
    }
    attempts::insert(&mut tx, Some(person.user_id), &who.email, Attempt::Success, origin, now).await?;
    let opened = issue::open_session(app, &mut tx, person.user_id, origin, now).await?;
    let answer = issue::response(app, &person, opened.session_id, &opened.refresh_token, now)?;
    events::login(&mut tx, person.user_id, opened.session_id, sequence, origin, now).await?;
    tx.commit().await?;
    app.cache.remember(&opened.refresh_token.hash(), opened.session_id, opened.expires_at, now).await;
    Ok(answer)
}

/// Only somebody who knows the password learns that the account is disabled.
async fn disabled(
    app: &App,
    who: &Claimant,
    person: &Credential,
    origin: &Origin,
) -> Result<TokenResponse, AuthError> {
    let db = &mut *app.db().await?;
    attempts::insert(db, Some(person.user_id), &who.email, Attempt::NotActive, origin, app.clock.now())
        .await?;
    Err(AuthError::AccountDisabled)
}

async fn refuse(
    app: &App,
    who: &Claimant,
    person: Option<&Credential>,
    origin: &Origin,
) -> Result<TokenResponse, AuthError> {
    let now = app.clock.now();
    let mut tx = app.begin().await?;
    let outcome = if person.is_some() { Attempt::WrongPassword } else { Attempt::UnknownUser };
    let user_id = person.map(|p| p.user_id);
    attempts::insert(&mut tx, user_id, &who.email, outcome, origin, now).await?;
    let counter =
        limits::count_failure(&mut tx, Kind::Account, &who.account, &app.settings.account_lockout, now)
            .await?;
    if let Some(address) = &who.address {
        limits::count_failure(&mut tx, Kind::Address, address, &app.settings.address_lockout, now).await?;
    }
    if let (Some(person), Some(lock)) = (person, counter.locked_for(now)) {
        note_lock(&mut tx, person, counter.failures, lock.as_secs(), origin, now).await?;
    }
    tx.commit().await?;
    Err(AuthError::InvalidCredentials)
}

async fn note_lock(
    db: &mut sqlx::PgConnection,
    person: &Credential,
    failures: u32,
    seconds: i64,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), AuthError> {
    let details = json!({ "failures": failures, "lockedForSeconds": seconds });
    let event = SecurityEvent {
        user_id: person.user_id,
        session_id: None,
        kind: "account_locked",
        origin,
        details: details.clone(),
    };
    security_events::insert(db, &event, now).await?;
    events::suspicious(db, (person.user_id, None), "account-locked", details, origin, now).await
}
