//! The service's paths, and their description.

mod profile;
mod register;

use axum::Router;
use axum::routing::{get, post};
use utoipa::OpenApi;

use crate::state::State;

#[derive(OpenApi)]
#[openapi(
    info(title = "ORION user", description = "Keeps people: registration and profiles."),
    paths(register::register, profile::read, profile::change)
)]
pub(crate) struct Document;

pub(crate) fn router(state: State) -> Router {
    Router::new()
        .route("/api/user/register", post(register::register))
        .route("/api/user/profile", get(profile::read).patch(profile::change))
        .with_state(state)
}
