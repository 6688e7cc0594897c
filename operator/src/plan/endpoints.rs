//! Kubernetes Services: how a unit is reached from inside the cluster, and the edge from outside.

use super::scope::{EXPOSURE_LABEL, Scope};
use crate::api::{Exposure, LoadBalancer};
use catalog::{MANAGEMENT_PORT, Service};
use serde_json::{Value, json};

/// A service's own port and the management port, for the cluster only.
pub(super) fn internal(scope: &Scope, service: &Service) -> Value {
    let ports = [("http", service.port), ("management", MANAGEMENT_PORT)];
    cluster_ip(scope, ports.into_iter())
}

/// A Service of type ClusterIP with these ports, each sent to the container's port of the same name.
pub(super) fn cluster_ip<'a>(scope: &Scope, ports: impl Iterator<Item = (&'a str, u16)>) -> Value {
    let ports = ports.map(|(name, port)| port_entry(name, port)).collect::<Vec<_>>();
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": scope.metadata(&scope.name()),
        "spec": {"type": "ClusterIP", "selector": scope.selector(), "ports": ports},
    })
}

/// The way in from outside, if it is a Service: one of its own with the main port only. A NodePort on the unit's
/// own Service would open its management port on every node as well.
pub(super) fn external(scope: &Scope, service: &Service) -> Option<Value> {
    let exposure = scope.spec().exposure.as_ref()?;
    let mut spec = match exposure {
        Exposure { node_port: Some(node_port), .. } => {
            let mut port = port_entry("http", service.port);
            if let Some(number) = node_port.port {
                port["nodePort"] = number.into();
            }
            json!({"type": "NodePort", "selector": scope.selector(), "ports": [port]})
        }
        Exposure { load_balancer: Some(balancer), .. } => load_balancer(scope, balancer),
        _ => return None,
    };
    spec["externalTrafficPolicy"] = json!(exposure.external_traffic_policy());
    let mut metadata = scope.metadata(&scope.name_of("external"));
    metadata["labels"][EXPOSURE_LABEL] = "external".into();
    if let Exposure { load_balancer: Some(LoadBalancer { annotations, .. }), .. } = exposure
        && !annotations.is_empty()
    {
        metadata["annotations"] = json!(annotations);
    }
    Some(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}))
}

fn load_balancer(scope: &Scope, balancer: &LoadBalancer) -> Value {
    let mut port = port_entry("http", 80);
    if let Some(number) = balancer.port {
        port["port"] = number.into();
    }
    let mut spec = json!({"type": "LoadBalancer", "selector": scope.selector(), "ports": [port]});
    if let Some(class) = &balancer.class {
        spec["loadBalancerClass"] = class.as_str().into();
    }
    spec
}

fn port_entry(name: &str, port: u16) -> Value {
    json!({"name": name, "port": port, "targetPort": name, "protocol": "TCP"})
}
