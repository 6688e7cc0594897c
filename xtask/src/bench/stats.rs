//! What containers use, from the kubelets: the same numbers on every kind of cluster.

use anyhow::Result;
use serde_json::Value;

use crate::on::Target;

/// One container at one moment.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    /// What the kernel could not take back: the figure that memory limits are about.
    pub(super) working_set: u64,
    pub(super) resident: u64,
    /// Since the container's start.
    pub(super) cpu_seconds: f64,
}

pub(super) fn usage(target: &Target) -> Result<Vec<Usage>> {
    let nodes = target.json(&["get", "nodes"])?;
    let mut all = vec![];
    for node in nodes["items"].as_array().into_iter().flatten() {
        let Some(name) = node.pointer("/metadata/name").and_then(Value::as_str) else { continue };
        let path = format!("/api/v1/nodes/{name}/proxy/stats/summary");
        let summary: Value = serde_json::from_str(&target.get(&["get", "--raw", &path])?)?;
        for pod in summary["pods"].as_array().into_iter().flatten() {
            let containers = pod["containers"].as_array().into_iter().flatten();
            all.extend(containers.map(|container| read(pod, container)));
        }
    }
    Ok(all)
}

fn read(pod: &Value, container: &Value) -> Usage {
    let text = |v: &Value, p: &str| v.pointer(p).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |p: &str| container.pointer(p).and_then(Value::as_u64).unwrap_or(0);
    Usage {
        namespace: text(pod, "/podRef/namespace"),
        pod: text(pod, "/podRef/name"),
        container: text(container, "/name"),
        working_set: number("/memory/workingSetBytes"),
        resident: number("/memory/rssBytes"),
        cpu_seconds: number("/cpu/usageCoreNanoSeconds") as f64 / 1e9,
    }
}
