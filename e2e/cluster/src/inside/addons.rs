//! What a cluster is expected to come with: a names service under its usual address, and StorageClasses.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::network::{DNS_SERVICE, Network};

pub(crate) const STORAGE_CLASS: &str = "local";
/// Its volumes are no larger than their claims, and are lost with their node.
pub(crate) const SIZED_CLASS: &str = "local-sized";
pub(crate) const PROVISIONER: &str = "orion.test/local";

/// The user that enforces NetworkPolicies.
pub(crate) const ENFORCER: &str = "system:kube-router";

/// Lets it read all that policies are about, and change nothing.
pub(crate) async fn apply_enforcer(client: &kube::Client) -> Result<()> {
    let as_us = PatchParams::apply("orion-cluster").force();
    let read = |group: &str, resources: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": ["get", "list", "watch"]});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": ENFORCER},
        "rules": [
            read("", &["pods", "namespaces", "nodes", "services", "endpoints"]),
            read("networking.k8s.io", &["networkpolicies"]),
            read("discovery.k8s.io", &["endpointslices"]),
        ],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": ENFORCER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ENFORCER},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ENFORCER}],
    });
    let (roles, bindings) =
        (Api::<ClusterRole>::all(client.clone()), Api::<ClusterRoleBinding>::all(client.clone()));
    roles.patch(ENFORCER, &as_us, &Patch::Apply(role)).await.context("apply the enforcer's role")?;
    bindings.patch(ENFORCER, &as_us, &Patch::Apply(binding)).await.context("bind the enforcer's role")?;
    Ok(())
}

pub(crate) async fn apply(client: &kube::Client, network: &Network) -> Result<()> {
    let as_us = PatchParams::apply("orion-cluster").force();
    let ports = [("dns", "UDP"), ("dns-tcp", "TCP")];
    // Without a selector: what answers is a process beside the API server, not a pod.
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kube-dns", "labels": {"k8s-app": "kube-dns"}},
        "spec": {
            "clusterIP": DNS_SERVICE,
            "ports": ports.map(|(name, protocol)| json!({"name": name, "protocol": protocol, "port": 53})),
        },
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": "kube-dns", "labels": {
            "kubernetes.io/service-name": "kube-dns",
            "endpointslice.kubernetes.io/managed-by": "orion-cluster",
        }},
        "endpoints": [{"addresses": [network.control_plane().to_string()], "conditions": {"ready": true}}],
        "ports": ports.map(|(name, protocol)| json!({"name": name, "protocol": protocol, "port": 53})),
    });
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": true,
    });
    let sized = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": SIZED_CLASS},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": true,
    });
    let services = Api::<Service>::namespaced(client.clone(), "kube-system");
    let slices = Api::<EndpointSlice>::namespaced(client.clone(), "kube-system");
    let classes = Api::<StorageClass>::all(client.clone());
    services.patch("kube-dns", &as_us, &Patch::Apply(service)).await.context("apply the Service kube-dns")?;
    slices
        .patch("kube-dns", &as_us, &Patch::Apply(slice))
        .await
        .context("apply the endpoints of kube-dns")?;
    for (name, class) in [(STORAGE_CLASS, class), (SIZED_CLASS, sized)] {
        classes.patch(name, &as_us, &Patch::Apply(class)).await.context("apply a StorageClass")?;
    }
    Ok(())
}
