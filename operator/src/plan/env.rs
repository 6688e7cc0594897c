//! The variables that the operator sets in a service's container, and which a person therefore can't set.

use super::place::Place;
use super::scope::Scope;
use crate::api::{Exposure, ExternalTrafficPolicy};
use catalog::{Service, Store};
use serde_json::{Value, json};

pub(super) const CREDENTIALS: &str = "/run/orion/credentials";
pub(super) const TOKENS: &str = "/run/orion/tokens";
pub(super) const CALLER_KEYS: &str = "/etc/orion/caller-keys";

/// Where the authority is that has signed a store's certificate.
pub(super) fn authority(store: Store) -> String {
    format!("/run/orion/authorities/{}", store.name())
}

const SHUTDOWN_GRACE: &str = "ORION_SHUTDOWN_GRACE";

/// Set for every service, or decided by the plan in another way (the ports). So is every name that starts with
/// `ORION_PEER_`, and what a generated secret is called.
const RESERVED: &[&str] = &[
    "ORION_PLATFORM",
    "ORION_NAMESPACE",
    "ORION_LISTEN",
    "ORION_MANAGEMENT_LISTEN",
    "ORION_TERMINATION_LOG",
    "ORION_TOKEN_ISSUER",
    "ORION_CALLER_KEYS_FILE",
    "ORION_SERVICE_TOKENS_DIR",
    "ORION_SOURCE_ADDRESS",
    "ORION_TRUSTED_PROXIES",
    "ORION_DATABASE_URL",
    "ORION_DATABASE_URL_FILE",
    "ORION_DATABASE_CA_FILE",
    "ORION_REDIS_URL",
    "ORION_REDIS_URL_FILE",
    "ORION_REDIS_CA_FILE",
    "ORION_AMQP_URL",
    "ORION_AMQP_URL_FILE",
    "ORION_AMQP_CA_FILE",
];

fn reserved() -> impl Iterator<Item = &'static str> {
    // What is read from a file could be given directly as well.
    let generated = catalog::SERVICES.iter().flat_map(|s| s.secrets);
    let generated =
        generated.flat_map(|secret| [Some(secret.env), secret.env.strip_suffix("_FILE")]).flatten();
    RESERVED.iter().copied().chain(generated)
}

/// Whether only the operator may set this variable.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("ORION_PEER_") || reserved().any(|other| other == name)
}

/// The same as a CEL rule over a variable's name.
pub fn reserved_env_rule() -> String {
    let names: Vec<String> = reserved().map(|name| format!("'{name}'")).collect();
    format!("!self.startsWith('ORION_PEER_') && !(self in [{}])", names.join(", "))
}

/// The variables of a service's container: the operator's, then the spec's, in a fixed order.
pub(super) fn variables(scope: &Scope, service: &Service) -> Vec<Value> {
    let mut all = vec![
        ("ORION_PLATFORM".to_owned(), scope.platform().to_owned()),
        ("ORION_NAMESPACE".to_owned(), scope.namespace().to_owned()),
        ("ORION_TOKEN_ISSUER".to_owned(), issuer(scope)),
        ("ORION_CALLER_KEYS_FILE".to_owned(), format!("{CALLER_KEYS}/callers.json")),
    ];
    for store in service.stores() {
        let name = match store {
            Store::Postgres => "ORION_DATABASE",
            Store::Redis => "ORION_REDIS",
            Store::Rabbitmq => "ORION_AMQP",
        };
        all.push((format!("{name}_URL_FILE"), format!("{CREDENTIALS}/{}", super::secrets::url_key(store))));
        if Place::of(scope.spec(), scope.platform(), store).ca.is_some() {
            all.push((format!("{name}_CA_FILE"), format!("{}/ca.crt", authority(store))));
        }
    }
    if !service.calls.is_empty() {
        all.push(("ORION_SERVICE_TOKENS_DIR".to_owned(), TOKENS.to_owned()));
    }
    if service.edge {
        all.push(("ORION_SOURCE_ADDRESS".to_owned(), source_address(scope).to_owned()));
        all.extend(trusted_proxies(scope).map(|networks| ("ORION_TRUSTED_PROXIES".to_owned(), networks)));
    }
    all.extend(peers(scope, service));
    for secret in service.secrets {
        let folder = format!("/run/orion/{}", secret.suffix);
        let value = match secret.keys {
            [(key, _)] => format!("{folder}/{key}"),
            _ => folder,
        };
        all.push((secret.env.to_owned(), value));
    }
    let own = all.into_iter();
    let given = scope.spec().service(service.name).map(|s| s.env.as_slice()).unwrap_or_default();
    let grace = grace(scope, service).map(|grace| (SHUTDOWN_GRACE.to_owned(), grace));
    // What an older schema let through must not take the place of the operator's own variables.
    let given = given.iter().filter(|v| !is_reserved(&v.name)).map(|v| (v.name.clone(), v.value.clone()));
    own.chain(grace).chain(given).map(|(name, value)| variable(&name, &value)).collect()
}

/// What running requests get of the time that the spec gives a pod to end; a person's own setting comes first. The rest
/// is for the pre-stop sleep before, and for background work and stores after them.
fn grace(scope: &Scope, service: &Service) -> Option<String> {
    let spec = scope.spec().service(service.name)?;
    let seconds = spec.pod.as_ref()?.termination_grace_period_seconds?;
    let set = spec.env.iter().any(|variable| variable.name == SHUTDOWN_GRACE);
    (!set).then(|| format!("{}s", seconds.saturating_sub(12).max(1)))
}

/// The API server leaves an empty value out, so that one in a plan would differ from what is there for ever.
fn variable(name: &str, value: &str) -> Value {
    match value {
        "" => json!({"name": name}),
        _ => json!({"name": name, "value": value}),
    }
}

/// `iss` of people's tokens: each platform's own, so that a token of one is worth nothing in another.
fn issuer(scope: &Scope) -> String {
    format!("urn:orion:{}:{}", scope.namespace(), scope.platform())
}

/// Whose address the gateway sees. A node that takes requests for all puts its own in the client's place, and so does a
/// proxy: counted as one client, a few wrong passwords of anybody would lock everybody out.
fn source_address(scope: &Scope) -> &'static str {
    match &scope.spec().exposure {
        Some(Exposure { ingress: Some(_), .. } | Exposure { gateway_api: Some(_), .. }) => "shared",
        Some(exposure) if exposure.external_traffic_policy() == Some(ExternalTrafficPolicy::Cluster) => {
            "shared"
        }
        _ => "peer",
    }
}

/// The proxies whose word about the client is taken.
fn trusted_proxies(scope: &Scope) -> Option<String> {
    let networks = &scope.spec().exposure.as_ref()?.trusted_proxies;
    (!networks.is_empty()).then(|| networks.join(","))
}

/// Where the services are that this one calls.
/// A peer that is switched off keeps its variable: switching it must not restart those who call it.
fn peers(scope: &Scope, service: &Service) -> Vec<(String, String)> {
    let mut names: Vec<&str> = super::network::callees(service).collect();
    names.sort_unstable();
    let peers = names.into_iter().filter_map(catalog::service);
    peers
        .map(|peer| {
            let variable = format!("ORION_PEER_{}_URL", peer.name.to_uppercase().replace('-', "_"));
            let host = catalog::object_name(scope.platform(), peer.name);
            (variable, format!("http://{host}:{}", peer.port))
        })
        .collect()
}
