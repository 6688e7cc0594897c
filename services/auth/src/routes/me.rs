//! `GET /api/auth/me`

use super::signed_in::SignedIn;
use super::{AppState, Private, private};
use crate::error::AuthError;
use crate::flows;
use axum::extract::State;
use chassis::Problem;
use contracts::ProblemDocument;
use contracts::auth::UserSummary;

/// Who the access token belongs to, as things are now.
#[utoipa::path(
    get, path = "/api/auth/me", tag = "auth", security(("access_token" = [])),
    responses(
        (status = 200, description = "The person", body = UserSummary),
        (status = 401, description = "No valid access token", body = ProblemDocument),
    )
)]
pub(crate) async fn me(
    State(app): AppState,
    SignedIn(claims): SignedIn,
) -> Result<Private<UserSummary>, Problem> {
    let person = flows::credentials::get(&app, claims.sub).await?.ok_or(AuthError::TokenRevoked)?;
    Ok(private(person.summary()))
}
