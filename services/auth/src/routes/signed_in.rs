//! A person whose access token is valid and has not been revoked.

use crate::error::AuthError;
use crate::flows::revocation;
use crate::state::App;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chassis::{Person, Problem};
use contracts::AccessClaims;
use std::sync::Arc;

pub(crate) struct SignedIn(pub(crate) AccessClaims);

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Person(claims) = <Person as FromRequestParts<Arc<App>>>::from_request_parts(parts, app).await?;
        if revocation::is_revoked(app, &claims).await? {
            return Err(AuthError::TokenRevoked.into());
        }
        Ok(Self(claims))
    }
}
