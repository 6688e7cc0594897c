//! `POST /api/auth/login`

use super::{AppState, Private, private};
use crate::domain::origin::Origin;
use crate::flows;
use axum::extract::State;
use chassis::{Json, Problem};
use contracts::ProblemDocument;
use contracts::auth::{LoginRequest, TokenResponse};

/// Exchanges an e-mail address and a password for tokens.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", request_body = LoginRequest,
    responses(
        (status = 200, description = "Signed in", body = TokenResponse),
        (status = 401, description = "E-mail address or password is wrong", body = ProblemDocument),
        (status = 403, description = "The account is disabled", body = ProblemDocument),
        (status = 422, description = "Some fields are not valid", body = ProblemDocument),
        (status = 429, description = "Too many failed attempts: wait as Retry-After says", body = ProblemDocument),
        (status = 503, description = "Too many logins at once", body = ProblemDocument),
    )
)]
pub(crate) async fn login(
    State(app): AppState,
    origin: Origin,
    Json(request): Json<LoginRequest>,
) -> Result<Private<TokenResponse>, Problem> {
    Ok(private(flows::login::login(&app, request, &origin).await?))
}
