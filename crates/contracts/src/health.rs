//! What a service says about its health: the deep view on the management port, the summary on the main port.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// It works with less: a dependency that it can do without for a while does not answer.
    Degraded,
    /// A store that it cannot work without does not answer.
    Down,
}

/// `/healthz` on the management port.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    pub status: Status,
    pub service: String,
    pub version: String,
    pub checks: BTreeMap<String, Check>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub status: Status,
    pub latency_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The health path on the main port: says nothing about what is inside.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthSummary {
    pub status: Status,
    pub service: String,
    pub version: String,
}
