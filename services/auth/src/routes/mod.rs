//! HTTP: each file is one resource, and does no more than read the request and word the answer.

mod credentials;
mod jwks;
mod login;
mod logout;
mod me;
mod origin;
mod refresh;
mod signed_in;

use crate::state::App;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::{get, post};
use chassis::Json;
use contracts::ProblemDocument;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

pub(crate) type AppState = axum::extract::State<Arc<App>>;

pub(crate) fn routes() -> Router<Arc<App>> {
    let internal = get(credentials::get).put(credentials::put).delete(credentials::delete);
    Router::new()
        .route("/api/auth/login", post(login::login))
        .route("/api/auth/refresh", post(refresh::refresh))
        .route("/api/auth/logout", post(logout::logout))
        .route("/api/auth/me", get(me::me))
        .route("/.well-known/jwks.json", get(jwks::jwks))
        .route("/internal/credentials/{user_id}", internal)
}

/// The public part; what services call among themselves is in contracts.
#[derive(OpenApi)]
#[openapi(
    info(title = "ORION auth", description = "Signs people in, issues and revokes tokens."),
    paths(login::login, refresh::refresh, logout::logout, me::me, jwks::jwks),
    components(schemas(ProblemDocument))
)]
struct Document;

pub(crate) fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("access_token", SecurityScheme::Http(bearer));
    document
}

/// An answer with tokens or with somebody's data in it is nobody else's.
type Private<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

fn private<T>(body: T) -> Private<T> {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body))
}
