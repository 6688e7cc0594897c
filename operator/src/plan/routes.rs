//! Ways in from outside that lead through something the cluster has already: an Ingress with its certificate, or an
//! HTTPRoute. Both send to the gateway's own Service.

use super::scope::Scope;
use crate::api::{CertManager, GatewayApi, Ingress, IssuerKind};
use catalog::Service;
use serde_json::{Value, json};

/// The objects of such an exposure; none for any other.
pub(super) fn objects(scope: &Scope, service: &Service) -> Vec<Value> {
    let Some(exposure) = &scope.spec().exposure else { return Vec::new() };
    let mut all = Vec::new();
    if let Some(ingress) = &exposure.ingress {
        let manager = ingress.tls.as_ref().and_then(|tls| tls.cert_manager.as_ref());
        // The certificate first: an Ingress that names a Secret which isn't there yet answers with a wrong one.
        all.extend(manager.map(|manager| certificate(scope, &ingress.host, manager)));
        all.push(self::ingress(scope, ingress));
    }
    all.extend(exposure.gateway_api.as_ref().map(|gateway| http_route(scope, service, gateway)));
    all
}

fn ingress(scope: &Scope, ingress: &Ingress) -> Value {
    let mut metadata = scope.metadata(&scope.name());
    if !ingress.annotations.is_empty() {
        metadata["annotations"] = json!(ingress.annotations);
    }
    let backend = json!({"service": {"name": scope.name(), "port": {"name": "http"}}});
    let path = ingress.path.as_deref().unwrap_or("/");
    let paths = json!([{"path": path, "pathType": "Prefix", "backend": backend}]);
    let mut spec = json!({"rules": [{"host": ingress.host, "http": {"paths": paths}}]});
    if let Some(class) = &ingress.class_name {
        spec["ingressClassName"] = class.as_str().into();
    }
    if let Some(tls) = &ingress.tls {
        let secret = tls.secret_name.clone().unwrap_or_else(|| certificate_name(scope));
        spec["tls"] = json!([{"hosts": [ingress.host], "secretName": secret}]);
    }
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec})
}

/// The name of the certificate, and of the Secret that cert-manager makes for it.
fn certificate_name(scope: &Scope) -> String {
    scope.name_of("tls")
}

fn certificate(scope: &Scope, host: &str, manager: &CertManager) -> Value {
    let kind = match manager.issuer.kind {
        IssuerKind::ClusterIssuer => "ClusterIssuer",
        IssuerKind::Issuer => "Issuer",
    };
    json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": scope.metadata(&certificate_name(scope)),
        "spec": {
            "secretName": certificate_name(scope),
            "dnsNames": [host],
            "issuerRef": {"group": "cert-manager.io", "kind": kind, "name": manager.issuer.name},
        },
    })
}

fn http_route(scope: &Scope, service: &Service, gateway: &GatewayApi) -> Value {
    let parents = gateway.parent_refs.iter().map(|parent| {
        let mut reference = json!({"name": parent.name});
        let more = [("namespace", &parent.namespace), ("sectionName", &parent.section_name)];
        for (field, value) in more.into_iter().filter_map(|(field, value)| Some((field, value.as_deref()?))) {
            reference[field] = value.into();
        }
        reference
    });
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": scope.metadata(&scope.name()),
        "spec": {
            "parentRefs": parents.collect::<Vec<_>>(),
            "hostnames": gateway.hosts,
            "rules": [{"backendRefs": [{"name": scope.name(), "port": service.port}]}],
        },
    })
}
