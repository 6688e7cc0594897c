//! `POST /api/auth/logout`

use super::signed_in::SignedIn;
use super::{AppState, Private, private};
use crate::domain::origin::Origin;
use crate::flows;
use axum::extract::State;
use chassis::{Problem, Query};
use contracts::ProblemDocument;
use contracts::auth::LogoutResponse;
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Every session of this person, not only this one.
    #[serde(default)]
    all: bool,
}

/// Ends this session, or all: its tokens are good for nothing from now on.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "auth", params(Which), security(("access_token" = [])),
    responses(
        (status = 200, description = "Signed out", body = LogoutResponse),
        (status = 401, description = "No valid access token", body = ProblemDocument),
    )
)]
pub(crate) async fn logout(
    State(app): AppState,
    SignedIn(claims): SignedIn,
    Query(which): Query<Which>,
    origin: Origin,
) -> Result<Private<LogoutResponse>, Problem> {
    let ended = flows::logout::logout(&app, &claims, which.all, &origin).await?;
    Ok(private(LogoutResponse { sessions_ended: ended as u64 }))
}
