//! `GET /health`: whether the platform works, as far as the outside may know, with each service behind the gateway.

use std::collections::BTreeMap;

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use chassis::Json;
use contracts::health::Status;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::State;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GatewayHealth {
    status: Status,
    service: String,
    version: String,
    /// Each service behind the gateway: `ok`, or `degraded` while it does not answer.
    upstreams: BTreeMap<String, Status>,
}

pub(super) async fn summary(Extract(state): Extract<State>) -> Response {
    let health = state.chassis.report().await;
    let code = if health.status == Status::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let services = health.checks.into_iter().filter(|(name, _)| catalog::service(name).is_some());
    let upstreams = services.map(|(name, check)| (name, check.status)).collect();
    let (status, service, version) = (health.status, health.service, health.version);
    (code, Json(GatewayHealth { status, service, version, upstreams })).into_response()
}
