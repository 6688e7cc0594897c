//! What was asked of the API server, from its own audit log.

use std::path::PathBuf;

use anyhow::{Context, Result};
use cluster::Cluster;
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub stage: String,
    pub verb: String,
    #[serde(rename = "requestURI")]
    pub uri: String,
    pub user: User,
    #[serde(default)]
    pub object_ref: Option<ObjectRef>,
    #[serde(default)]
    pub response_status: Option<Status>,
    pub request_received_timestamp: Timestamp,
}

#[derive(Clone, Debug, Deserialize)]
pub struct User {
    pub username: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ObjectRef {
    pub resource: String,
    pub subresource: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    pub code: u16,
}

impl Request {
    pub fn writes(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    /// For want of a right.
    pub fn refused(&self) -> bool {
        self.response_status.as_ref().is_some_and(|status| status.code == 403)
    }

    pub fn resource(&self) -> &str {
        self.object_ref.as_ref().map(|object| object.resource.as_str()).unwrap_or_default()
    }

    /// One line, for people.
    pub fn told(&self) -> String {
        let code = self.response_status.as_ref().map_or(0, |status| status.code);
        format!("{} {} {} → {code}", self.request_received_timestamp, self.verb, self.uri)
    }
}

/// The log of a cluster.
pub fn log(cluster: &Cluster) -> Result<PathBuf> {
    cluster.audit_log().context("the cluster was started without an audit log")
}

/// What this user has asked since then, each request once, in the order in which they came.
pub fn requests(cluster: &Cluster, user: &str, since: Timestamp) -> Result<Vec<Request>> {
    let text = std::fs::read_to_string(log(cluster)?).context("read the audit log")?;
    let mut found: Vec<Request> = text
        .lines()
        // A cheap look first: the log has every request of every test. The last line may be half written.
        .filter(|line| line.contains(user))
        .filter_map(|line| serde_json::from_str::<Request>(line).ok())
        .filter(|request| request.user.username == user && request.request_received_timestamp >= since)
        .filter(|request| match request.verb.as_str() {
            // A watch is complete when it ends; it counts when it begins.
            "watch" => request.stage == "ResponseStarted",
            _ => request.stage == "ResponseComplete",
        })
        .collect();
    found.sort_by_key(|request| request.request_received_timestamp);
    Ok(found)
}

/// The name under which a ServiceAccount is known.
pub fn service_account(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}
