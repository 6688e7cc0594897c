//! How the number of a service's pods follows the load.

use super::common::rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds and targets of the number of pods. Needs the cluster's resource metrics (metrics-server).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "self.minReplicas <= self.maxReplicas",
    "minReplicas is more than maxReplicas: write at most maxReplicas, or raise maxReplicas"
)])))]
pub struct Autoscaling {
    /// The fewest pods, however little there is to do. Default: 1. To stop a service write replicas: 0 instead.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub min_replicas: i32,
    /// The most pods, however much there is to do.
    #[schemars(range(min = 1, max = 100))]
    pub max_replicas: i32,
    /// How much CPU the pods are to use on average, as a percentage of resources.requests.cpu. Default: 70.
    #[serde(default = "seventy", rename = "targetCPUUtilizationPercentage")]
    #[schemars(range(min = 1, max = 1000))]
    pub target_cpu_utilization_percentage: i32,
    /// How much memory the pods are to use on average, as a percentage of resources.requests.memory. Default: memory
    /// is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub target_memory_utilization_percentage: Option<i32>,
}

fn one() -> i32 {
    1
}

fn seventy() -> i32 {
    70
}
