//! What the gateway answers itself, and what it passes on.

mod edge;
mod health;
mod pass;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get};

use crate::state::State;

/// Everything goes through the edge, whoever answers it.
pub(crate) fn router(state: State) -> Router {
    Router::new()
        .route("/health", get(health::summary))
        .route("/", any(pass::on))
        .route("/{*path}", any(pass::on))
        .layer(from_fn_with_state(state.clone(), edge::guard))
        .with_state(state)
}
