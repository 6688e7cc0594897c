//! How a session begins and how tokens are made for it; every way of signing in ends here.

use crate::domain::origin::Origin;
use crate::domain::refresh::RefreshToken;
use crate::error::AuthError;
use crate::state::App;
use crate::store::credentials::Credential;
use crate::store::sessions::{self, NewSession};
use crate::store::tokens::{self, NewToken};
use contracts::auth::TokenResponse;
use contracts::{AccessClaims, TOKEN_AUDIENCE, TOKEN_TYPE, new_id};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Header};
use sqlx::PgConnection;
use uuid::Uuid;

pub struct Opened {
    pub session_id: Uuid,
    pub refresh_token: RefreshToken,
    pub expires_at: Timestamp,
}

/// A session and the first refresh token of its family.
pub async fn open_session(
    app: &App,
    db: &mut PgConnection,
    user_id: Uuid,
    origin: &Origin,
    now: Timestamp,
) -> Result<Opened, AuthError> {
    let (session_id, expires_at) = (new_id(), now + app.settings.refresh_token_ttl);
    sessions::insert(db, &NewSession { id: session_id, user_id, expires_at, origin }, now).await?;
    let refresh_token = RefreshToken::first(rand::random());
    let token = NewToken {
        id: new_id(),
        user_id,
        session_id,
        family_id: new_id(),
        parent_id: None,
        token_hash: &refresh_token.hash(),
        expires_at,
        origin,
    };
    tokens::insert(db, &token, now).await?;
    Ok(Opened { session_id, refresh_token, expires_at })
}

pub fn response(
    app: &App,
    person: &Credential,
    session_id: Uuid,
    refresh_token: &RefreshToken,
    now: Timestamp,
) -> Result<TokenResponse, AuthError> {
    Ok(TokenResponse {
        access_token: access_token(app, person, session_id, now)?,
        refresh_token: refresh_token.reveal().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: app.settings.access_token_ttl.as_secs().unsigned_abs(),
        user: person.summary(),
    })
}

fn access_token(
    app: &App,
    person: &Credential,
    session_id: Uuid,
    now: Timestamp,
) -> Result<String, AuthError> {
    let keyring = app.keyring()?;
    let iat = now.as_second();
    let claims = AccessClaims {
        iss: app.issuer.clone(),
        aud: TOKEN_AUDIENCE.to_owned(),
        sub: person.user_id,
        exp: iat + app.settings.access_token_ttl.as_secs(),
        iat,
        nbf: iat,
        jti: new_id(),
        sid: session_id,
        ver: person.version,
        roles: person.roles.0.clone(),
        email: person.email.clone(),
    };
    let header = Header {
        typ: Some(TOKEN_TYPE.to_owned()),
        kid: Some(keyring.kid.clone()),
        ..Header::new(Algorithm::EdDSA)
    };
    jsonwebtoken::encode(&header, &claims, &keyring.signer).map_err(AuthError::Signing)
}
