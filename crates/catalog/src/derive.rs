//! What follows from the entries: look-ups, callers, names. One place, so that operator and services agree.

use crate::entries::{SERVICES, STORES};
use crate::types::*;

pub const MANAGEMENT_PORT: u16 = 9000;

pub fn service(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|s| s.name == name)
}

pub fn store(name: &str) -> Option<&'static StoreEntry> {
    STORES.iter().find(|s| s.name == name)
}

impl Store {
    pub fn entry(self) -> &'static StoreEntry {
        STORES.iter().find(|s| s.store == self).expect("every store has an entry: checked by a test")
    }

    pub fn name(self) -> &'static str {
        self.entry().name
    }
}

impl Service {
    /// The stores that this service holds an account in.
    pub fn stores(&self) -> impl Iterator<Item = Store> + '_ {
        self.needs.iter().filter_map(|n| store(n.on)).map(|s| s.store)
    }

    /// The services that may call this one.
    pub fn callers(&self) -> impl Iterator<Item = &'static Service> + '_ {
        SERVICES.iter().filter(move |s| s.calls.contains(&self.name))
    }

    pub fn needs_hard(&self, name: &str) -> bool {
        self.needs.iter().any(|n| n.hard && n.on == name)
    }
}

/// The tier of any unit, store or service.
pub fn tier_of(name: &str) -> Option<Tier> {
    store(name).map(|_| Tier::Data).or_else(|| service(name).map(|s| s.tier))
}

/// The name of the Kubernetes objects of a unit: `orion` and `auth` make `orion-auth`.
pub fn object_name(platform: &str, unit: &str) -> String {
    format!("{platform}-{unit}")
}

/// The audience of a ServiceAccount token with which `callee` may be called.
pub fn audience(namespace: &str, platform: &str, callee: &str) -> String {
    format!("{}.{namespace}", object_name(platform, callee))
}

/// The `sub` claim of a service's ServiceAccount token.
pub fn service_account_subject(namespace: &str, platform: &str, service: &str) -> String {
    format!("system:serviceaccount:{namespace}:{}", object_name(platform, service))
}

/// The gateway's routes with the service behind each, longest prefix first.
pub fn routes() -> Vec<(Route, &'static Service)> {
    let mut routes: Vec<_> = SERVICES.iter().flat_map(|s| s.routes.iter().map(move |r| (*r, s))).collect();
    routes.sort_by_key(|(r, _)| std::cmp::Reverse(r.prefix.len()));
    routes
}
