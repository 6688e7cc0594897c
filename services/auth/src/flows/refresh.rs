//! Refresh: the presented token is replaced by its successor, one request after another for each session.

use super::{issue, revocation};
use crate::domain::origin::Origin;
use crate::domain::refresh::{Presented, RefreshToken, Status, Verdict, judge};
use crate::error::AuthError;
use crate::events;
use crate::state::App;
use crate::store::credentials::{self, Credential};
use crate::store::security_events::{self, SecurityEvent};
use crate::store::sessions;
use crate::store::tokens::{self, NewToken, Successor, Token};
use contracts::auth::TokenResponse;
use contracts::new_id;
use jiff::Timestamp;
use serde_json::json;
use sqlx::{PgConnection, PgTransaction};
use uuid::Uuid;

/// A presented token with everything that its fate depends on; the session's row is held.
struct Held {
    presented: RefreshToken,
    token: Token,
    successor: Option<Successor>,
    person: Credential,
    verdict: Verdict,
}

pub async fn refresh(app: &App, presented: &str, origin: &Origin) -> Result<TokenResponse, AuthError> {
    let presented = RefreshToken::parse(presented).ok_or(AuthError::InvalidRefreshToken)?;
    let session_id = find_session(app, &presented).await?;
    let now = app.clock.now();
    let mut tx = app.begin().await?;
    let held = hold(app, &mut tx, presented, session_id, now).await?;
    match held.verdict {
        Verdict::Rotate => rotate(app, tx, held, origin, now).await,
        Verdict::SameSuccessor => same_successor(app, held, now),
        Verdict::Reused => reused(app, tx, held, origin, now).await,
        Verdict::Expired => refused(tx, held, "refresh_token_expired", origin, now).await,
        Verdict::Revoked => refused(tx, held, "refresh_token_revoked", origin, now).await,
    }
}

/// Redis knows the session of a token that is in use; PostgreSQL is asked when it does not, or is not there.
async fn find_session(app: &App, presented: &RefreshToken) -> Result<Uuid, AuthError> {
    let hash = presented.hash();
    if let Some(session_id) = app.cache.session_of(&hash).await {
        return Ok(session_id);
    }
    tokens::session_of(&mut *app.db().await?, &hash).await?.ok_or(AuthError::InvalidRefreshToken)
}

async fn hold(
    app: &App,
    db: &mut PgConnection,
    presented: RefreshToken,
    session_id: Uuid,
    now: Timestamp,
) -> Result<Held, AuthError> {
    let session = sessions::lock(db, session_id).await?.ok_or(AuthError::InvalidRefreshToken)?;
    // Read only now: what was read before the lock may be what another tab has just changed.
    let token = tokens::by_hash(db, &presented.hash()).await?.ok_or(AuthError::InvalidRefreshToken)?;
    let person = credentials::by_id(db, token.user_id).await?.ok_or(AuthError::InvalidRefreshToken)?;
    let successor = match token.status() {
        Status::Rotated { .. } => tokens::successor_of(db, token.id).await?,
        _ => None,
    };
    let facts = Presented {
        status: token.status(),
        expires_at: token.expires_at.0,
        session_revoked: session.revoked_at.is_some()
            || token.session_id != session.id
            || !person.is_active(),
        successor_unused: successor.as_ref().is_some_and(Successor::is_unused),
    };
    let verdict = judge(&facts, now, app.settings.refresh_grace);
    Ok(Held { presented, token, successor, person, verdict })
}

async fn rotate(
    app: &App,
    mut tx: PgTransaction<'_>,
    held: Held,
    origin: &Origin,
    now: Timestamp,
) -> Result<TokenResponse, AuthError> {
    let (old, id) = (&held.token, new_id());
    let next = held.presented.successor(&app.successor_key, id);
    let expires_at = now + app.settings.refresh_token_ttl;
    let new = NewToken {
        id,
        user_id: old.user_id,
        session_id: old.session_id,
        family_id: old.family_id,
        parent_id: Some(old.id),
        token_hash: &next.hash(),
        expires_at,
        origin,
    };
    tokens::mark_rotated(&mut tx, old.id, now).await?;
    tokens::insert(&mut tx, &new, now).await?;
    sessions::extend(&mut tx, old.session_id, expires_at, now).await?;
    let answer = issue::response(app, &held.person, old.session_id, &next, now)?;
    tx.commit().await?;
    app.cache.forget(&[held.presented.hash().to_vec()]).await;
    app.cache.remember(&next.hash(), old.session_id, expires_at, now).await;
    Ok(answer)
}

fn same_successor(app: &App, held: Held, now: Timestamp) -> Result<TokenResponse, AuthError> {
    let stored = held.successor.ok_or(AuthError::InvalidRefreshToken)?;
    let next = held.presented.successor(&app.successor_key, stored.id);
    if next.hash().as_slice() != stored.token_hash {
        // Derived with a key that has since been replaced: the other tab's answer can't be given again.
        return Err(AuthError::InvalidRefreshToken);
    }
    issue::response(app, &held.person, held.token.session_id, &next, now)
}

/// Two hold the same token and one of them is a thief: nobody keeps the session.
async fn reused(
    app: &App,
    mut tx: PgTransaction<'_>,
    held: Held,
    origin: &Origin,
    now: Timestamp,
) -> Result<TokenResponse, AuthError> {
    let token = &held.token;
    let revoked =
        revocation::end_sessions(app, &mut tx, &[token.session_id], None, "refresh_token_reused", now)
            .await?;
    let details = json!({ "familyId": token.family_id, "tokenId": token.id });
    let event = SecurityEvent {
        user_id: token.user_id,
        session_id: Some(token.session_id),
        kind: "refresh_token_reused",
        origin,
        details: details.clone(),
    };
    security_events::insert(&mut tx, &event, now).await?;
    events::suspicious(
        &mut tx,
        (token.user_id, Some(token.session_id)),
        "refresh-token-reused",
        details,
        origin,
        now,
    )
    .await?;
    tx.commit().await?;
    revocation::publish(app, revoked, now).await;
    Err(AuthError::InvalidRefreshToken)
}

async fn refused(
    mut tx: PgTransaction<'_>,
    held: Held,
    kind: &'static str,
    origin: &Origin,
    now: Timestamp,
) -> Result<TokenResponse, AuthError> {
    let event = SecurityEvent {
        user_id: held.token.user_id,
        session_id: Some(held.token.session_id),
        kind,
        origin,
        details: json!({ "tokenId": held.token.id }),
    };
    // Once for each token: whoever sends it again and again must not fill the table.
    if !security_events::is_noted(&mut tx, &event).await? {
        security_events::insert(&mut tx, &event, now).await?;
    }
    tx.commit().await?;
    Err(AuthError::InvalidRefreshToken)
}
