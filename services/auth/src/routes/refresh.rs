//! `POST /api/auth/refresh`

use super::{AppState, Private, private};
use crate::domain::origin::Origin;
use crate::flows;
use axum::extract::State;
use chassis::{Json, Problem};
use contracts::ProblemDocument;
use contracts::auth::{RefreshRequest, TokenResponse};

/// Exchanges a refresh token for new tokens. Each refresh token is good for one use.
#[utoipa::path(
    post, path = "/api/auth/refresh", tag = "auth", request_body = RefreshRequest,
    responses(
        (status = 200, description = "New tokens", body = TokenResponse),
        (status = 401, description = "Unknown, expired, revoked or used before: log in again", body = ProblemDocument),
        (status = 422, description = "Some fields are not valid", body = ProblemDocument),
    )
)]
pub(crate) async fn refresh(
    State(app): AppState,
    origin: Origin,
    Json(request): Json<RefreshRequest>,
) -> Result<Private<TokenResponse>, Problem> {
    Ok(private(flows::refresh::refresh(&app, request.refresh_token.expose(), &origin).await?))
}
