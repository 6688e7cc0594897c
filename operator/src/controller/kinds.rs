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
    /// Data and the pods that serve it, looked after by another operator: rolled out and waited for like a workload, kept
    /// or removed like a volume.
    Cluster,
    /// Outlives the unit: what a person can't get back is removed with the platform only.
    Lasting,
    /// Made by others; looked at only.
    Observed,
}

/// Whether a cluster has the kind, and what becomes of a platform where it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A part of Kubernetes.
    Always,
    /// Brought by something that has to be installed, as said here. A platform asks for it by name, so it can't be
    /// whole without: it is Stalled, and goes on when the kind is there.
    Required(&'static str),
    /// A nicety: where it is missing a platform goes without, and is whole all the same.
    Welcome,
}

#[derive(Debug)]
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub role: Role,
    pub presence: Presence,
}

const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    role: Role,
) -> Kind {
    Kind { group, version, kind, plural, role, presence: Presence::Always }
}

/// What the Prometheus operator reads.
const fn monitor(name: &'static str, plural: &'static str) -> Kind {
    kind("monitoring.coreos.com", "v1", name, plural, Role::Part).with(Presence::Welcome)
}

const GATEWAY_API: Presence = Presence::Required(
    "install the Gateway API (https://gateway-api.sigs.k8s.io) with a controller for it, or choose another exposure",
);
const CERT_MANAGER: Presence = Presence::Required(
    "install cert-manager (https://cert-manager.io), or name a Secret in exposure.ingress.tls.secretName",
);

const CLOUD_NATIVE_PG: Presence = Presence::Required(
    "install CloudNativePG (https://cloudnative-pg.io), or write postgres.managed or postgres.external",
);
const CLUSTER_OPERATOR: Presence = Presence::Required(
    "install RabbitMQ's cluster operator (https://www.rabbitmq.com/kubernetes/operator/operator-overview), or write \
     rabbitmq.managed or rabbitmq.external",
);

/// The Jobs that a CronJob makes must not carry the operator's labels: they would be taken for superfluous.
pub const KINDS: [Kind; 22] = [
    kind("apps", "v1", "Deployment", "deployments", Role::Workload),
    kind("apps", "v1", "StatefulSet", "statefulsets", Role::Workload),
    kind("batch", "v1", "Job", "jobs", Role::Workload),
    kind("postgresql.cnpg.io", "v1", "Cluster", "clusters", Role::Cluster).with(CLOUD_NATIVE_PG),
    kind("rabbitmq.com", "v1beta1", "RabbitmqCluster", "rabbitmqclusters", Role::Cluster)
        .with(CLUSTER_OPERATOR),
    kind("", "v1", "Pod", "pods", Role::Observed),
    kind("", "v1", "Service", "services", Role::Part),
    kind("", "v1", "ConfigMap", "configmaps", Role::Part),
    kind("", "v1", "ServiceAccount", "serviceaccounts", Role::Part),
    kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", Role::Part),
    kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", Role::Part),
    kind("batch", "v1", "CronJob", "cronjobs", Role::Part),
    kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", Role::Part),
    kind("networking.k8s.io", "v1", "Ingress", "ingresses", Role::Part),
    kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", Role::Part).with(GATEWAY_API),
    kind("cert-manager.io", "v1", "Certificate", "certificates", Role::Part).with(CERT_MANAGER),
    monitor("ServiceMonitor", "servicemonitors"),
    monitor("PodMonitor", "podmonitors"),
    monitor("PrometheusRule", "prometheusrules"),
    kind("apps", "v1", "ControllerRevision", "controllerrevisions", Role::History),
    kind("", "v1", "Secret", "secrets", Role::Lasting),
    kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", Role::Lasting),
];

impl Kind {
    const fn with(self, presence: Presence) -> Kind {
        Kind { presence, ..self }
    }

    pub fn is_optional(&self) -> bool {
        self.presence != Presence::Always
    }

    /// The kind of this name; None for a kind that no plan may contain.
    pub fn named(name: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|k| k.kind == name)
    }

    /// What a unit is ready by.
    pub fn runs(&self) -> bool {
        matches!(self.role, Role::Workload | Role::Cluster)
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
