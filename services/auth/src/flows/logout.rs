//! Logout: of this session, or of every one.

use super::revocation;
use crate::domain::origin::Origin;
use crate::error::AuthError;
use crate::events;
use crate::state::App;
use crate::store::security_events::{self, SecurityEvent};
use crate::store::sessions;
use contracts::AccessClaims;
use serde_json::json;
use uuid::Uuid;

/// Gives the number of sessions that were ended.
pub async fn logout(
    app: &App,
    claims: &AccessClaims,
    all: bool,
    origin: &Origin,
) -> Result<usize, AuthError> {
    let now = app.clock.now();
    let mut tx = app.begin().await?;
    let open: Vec<Uuid> = if all {
        sessions::lock_open_of(&mut tx, claims.sub).await?.into_iter().map(|s| s.id).collect()
    } else {
        let session = sessions::lock(&mut tx, claims.sid).await?;
        session.filter(|s| s.revoked_at.is_none()).map(|s| s.id).into_iter().collect()
    };
    let mut ended = open.clone();
    // Also when its row is gone: the token in hand must not be honoured again.
    if !ended.contains(&claims.sid) {
        ended.push(claims.sid);
    }
    let revoked = revocation::end_sessions(app, &mut tx, &ended, Some(claims.jti), "logout", now).await?;
    let event = SecurityEvent {
        user_id: claims.sub,
        session_id: Some(claims.sid),
        kind: "logout",
        origin,
        details: json!({ "all": all, "sessions": open.len() }),
    };
    security_events::insert(&mut tx, &event, now).await?;
    events::logout(
        &mut tx,
        claims.sub,
        claims.sid,
        json!({ "all": all, "sessions": open.len() }),
        origin,
        now,
    )
    .await?;
    tx.commit().await?;
    revocation::publish(app, revoked, now).await;
    Ok(open.len())
}
