//! The kinds of objects that a platform consists of: what is watched, applied and removed. One table, so that a new
//! kind is one line here (and one in the chart's RBAC).

use crate::revision::HASH_LABEL;
use kube::core::ApiResource;

const SELECTOR: &str = "app.kubernetes.io/managed-by=orion-operator";

/// What the operator does with objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs pods: applied and removed in the tiers' order.
    Workload,
    /// Belongs to a unit and is removed when the plan no longer has it.
    Part,
    /// A stored revision: kept as long as somebody may want to go back to it, and removed with the platform.
    History,
    /// Outlives the unit: what a person can't get back is removed with the platform only.
    Lasting,
    /// Made by others; looked at only.
    Observed,
}

#[derive(Debug)]
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub role: Role,
}

const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    role: Role,
) -> Kind {
    Kind { group, version, kind, plural, role }
}

pub const KINDS: [Kind; 12] = [
    kind("apps", "v1", "Deployment", "deployments", Role::Workload),
    kind("apps", "v1", "StatefulSet", "statefulsets", Role::Workload),
    kind("batch", "v1", "Job", "jobs", Role::Workload),
    kind("", "v1", "Pod", "pods", Role::Observed),
    kind("", "v1", "Service", "services", Role::Part),
    kind("", "v1", "ConfigMap", "configmaps", Role::Part),
    kind("", "v1", "ServiceAccount", "serviceaccounts", Role::Part),
    kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", Role::Part),
    kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", Role::Part),
    kind("apps", "v1", "ControllerRevision", "controllerrevisions", Role::History),
    kind("", "v1", "Secret", "secrets", Role::Lasting),
    kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", Role::Lasting),
];

impl Kind {
    /// The kind of this name; None for a kind that no plan may contain.
    pub fn named(name: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|k| k.kind == name)
    }

    /// What is the operator's own of this kind. A StatefulSet's revisions carry its pods' labels, and are its own.
    pub fn selector(&self) -> String {
        match self.role {
            Role::History => format!("{SELECTOR},{HASH_LABEL}"),
            _ => SELECTOR.to_owned(),
        }
    }

    /// Changes how many pods a workload has. What must not fight it takes it away first.
    pub fn scales(object: &serde_json::Value) -> bool {
        object["kind"] == "HorizontalPodAutoscaler"
    }

    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    pub fn resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version: self.api_version(),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }
}
