//! The management port: answers from the first moment, long before the service itself does.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use contracts::health::Status;
use http::{StatusCode, header};
use utoipa::openapi::OpenApi;

use crate::health::{Phase, Registry};
use crate::http::Json;
use crate::telemetry;

#[derive(Clone)]
struct Management {
    health: Arc<Registry>,
    openapi: Option<Arc<OpenApi>>,
}

pub(crate) fn routes(health: Arc<Registry>, openapi: Option<OpenApi>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/healthz", get(deep))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi_document))
        .with_state(Management { health, openapi: openapi.map(Arc::new) })
}

async fn ready(State(management): State<Management>) -> Response {
    match management.health.phase() {
        Phase::Ready => "ok\n".into_response(),
        phase => (StatusCode::SERVICE_UNAVAILABLE, format!("{phase:?}\n").to_lowercase()).into_response(),
    }
}

async fn deep(State(management): State<Management>) -> Response {
    let health = management.health.deep().await;
    let code = if health.status == Status::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(health)).into_response()
}

async fn metrics() -> Response {
    let recorder = telemetry::recorder();
    recorder.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response()
}

async fn openapi_document(State(management): State<Management>) -> Response {
    match management.openapi {
        Some(document) => Json(&*document).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
