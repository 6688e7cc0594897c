//! `GET /.well-known/jwks.json`

use super::AppState;
use crate::config::JWKS_MAX_AGE;
use axum::extract::State;
use axum::http::{HeaderName, header};
use chassis::{Json, Problem};
use serde_json::Value;

/// The keys that access tokens can be verified with.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = Value))
)]
pub(crate) async fn jwks(State(app): AppState) -> Result<([(HeaderName, String); 1], Json<Value>), Problem> {
    let fresh = format!("public, max-age={}", JWKS_MAX_AGE.as_secs());
    Ok(([(header::CACHE_CONTROL, fresh)], Json(app.keyring()?.jwks.clone())))
}
