//! NetworkPolicies: which connections the pods of each unit may open and take, from the catalog and what the spec names.
//!
//! Every unit has one policy, for both directions, so that every pod of the platform is denied whatever its policy
//! doesn't allow. A connection within the platform takes two: the caller's to open it, the callee's to take it. Probes
//! come from the pods' own nodes, which no policy keeps out.

use super::place::SENTINEL_PORT;
use super::scope::{INSTANCE_LABEL, NAME_LABEL, Scope};
use super::{BACKUP, Inputs, MANAGER, PROVISION, RESTORE, backup, restore};
use crate::api::{BackupLocation, Exposure, Mode, NetworkPolicies, Peers};
use catalog::{MANAGEMENT_PORT, SERVICES, STORES, Service, Store, StoreEntry, Tier, object_name};
use serde_json::{Value, json};
use std::net::IpAddr;

/// Labels of a namespace that every namespace has.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
const DNS_PORT: u16 = 53;

/// The policy of a unit, if the spec wants policies.
pub(super) fn of(scope: &Scope) -> Option<Value> {
    let network = Network::of(scope.inputs, SERVICES)?;
    let (ingress, egress) = network.rules(scope.unit)?;
    Some(policy(scope, ingress, egress))
}

/// The policies of all units, as if these were the services of the catalog.
pub fn policies(inputs: &Inputs, services: &[Service]) -> Vec<Value> {
    let Some(network) = Network::of(inputs, services) else { return Vec::new() };
    let stores = STORES.iter().map(|store| (store.name, Tier::Data));
    let others = services.iter().map(|service| (service.name, service.tier));
    let inside = [PROVISION, BACKUP, RESTORE].map(|unit| (unit, Tier::Data));
    let units = stores.chain(inside).chain(others);
    units
        .filter_map(|(unit, tier)| {
            let (ingress, egress) = network.rules(unit)?;
            Some(policy(&Scope::new(inputs, unit, tier), ingress, egress))
        })
        .collect()
}

fn policy(scope: &Scope, ingress: Vec<Value>, egress: Vec<Value>) -> Value {
    let mut spec = json!({
        "podSelector": {"matchLabels": scope.selector()},
        "policyTypes": ["Ingress", "Egress"],
    });
    // No rule allows nothing, and an empty list is not kept by the API server.
    for (direction, rules) in [("ingress", ingress), ("egress", egress)] {
        if !rules.is_empty() {
            spec[direction] = rules.into();
        }
    }
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": scope.metadata(&scope.name()),
        "spec": spec,
    })
}

struct Network<'a> {
    inputs: &'a Inputs<'a>,
    services: &'a [Service],
    wanted: &'a NetworkPolicies,
}

/// Rules for what a unit takes, and for what it opens.
type Rules = (Vec<Value>, Vec<Value>);

impl<'a> Network<'a> {
    fn of(inputs: &'a Inputs<'a>, services: &'a [Service]) -> Option<Self> {
        let wanted = inputs.platform.spec.network_policies.as_ref().filter(|wanted| wanted.enabled)?;
        Some(Self { inputs, services, wanted })
    }

    fn rules(&self, unit: &str) -> Option<Rules> {
        if let Some(store) = catalog::store(unit) {
            return Some((self.taken_by_store(store), self.opened_by_store(store)));
        }
        if unit == PROVISION {
            let stores = self.managed().flat_map(|s| all_ports(s).map(move |port| (s.name, port)));
            return Some((Vec::new(), self.opened(stores.collect(), &[])));
        }
        if let Some(kept_at) = self.kept_at(unit) {
            let stores = backup::managed(self.inputs).map(|store| (store.name(), store.entry().port));
            let mut opened = self.opened(stores.collect(), &[]);
            // A bucket is known by its name only, and may be at any address.
            opened.extend(kept_at.s3.as_ref().map(|bucket| json!({"ports": [tcp(bucket.port())]})));
            return Some((Vec::new(), opened));
        }
        let service = self.services.iter().find(|service| service.name == unit)?;
        Some((self.taken_by_service(service), self.opened_by_service(service)))
    }

    /// Where the unit's backups are, if it works on any.
    fn kept_at(&self, unit: &str) -> Option<&'a BackupLocation> {
        match unit {
            BACKUP => backup::wanted(self.inputs).map(|backup| &backup.to),
            RESTORE => restore::wanted(self.inputs).map(|(_, from)| from),
            _ => None,
        }
    }

    /// The stores that are in the platform's namespace; where others are, only the spec can say.
    fn managed(&self) -> impl Iterator<Item = &'static StoreEntry> {
        let spec = &self.inputs.platform.spec;
        STORES.iter().filter(|entry| !spec.store(entry.store).is_some_and(|store| store.is_external()))
    }

    fn taken_by_store(&self, entry: &StoreEntry) -> Vec<Value> {
        let uses = |service: &&Service| service.stores().any(|store: Store| store == entry.store);
        let users = self.services.iter().filter(uses).map(|service| service.name);
        let saved = backup::managed(self.inputs).any(|store| store == entry.store);
        let savers = [BACKUP, RESTORE].into_iter().filter(|unit| saved && self.kept_at(unit).is_some());
        let users: Vec<Value> = users.chain([PROVISION]).chain(savers).map(|unit| self.unit(unit)).collect();
        let mut rules = vec![json!({"from": users, "ports": self.ports(entry)})];
        if self.has_sentinels(entry) {
            rules.push(json!({"from": [self.unit(entry.name)], "ports": self.ports(entry)}));
        }
        // What a person or the Job needs to look after it.
        let extra: Vec<Value> = entry.extra_ports.iter().map(|(_, port)| tcp(*port)).collect();
        if !extra.is_empty() {
            rules.push(json!({"from": [self.unit(PROVISION)], "ports": extra}));
        }
        rules
    }

    /// What its users speak to.
    fn ports(&self, entry: &StoreEntry) -> Vec<Value> {
        let sentinel = self.has_sentinels(entry).then_some(SENTINEL_PORT);
        [entry.port].into_iter().chain(sentinel).map(tcp).collect()
    }

    fn has_sentinels(&self, entry: &StoreEntry) -> bool {
        let spec = self.inputs.platform.spec.store(entry.store);
        spec.is_some_and(|spec| spec.mode() == Mode::Sentinel)
    }

    /// Instances find and follow each other.
    fn opened_by_store(&self, entry: &StoreEntry) -> Vec<Value> {
        if !self.has_sentinels(entry) {
            return Vec::new();
        }
        vec![json!({"to": [self.unit(entry.name)], "ports": self.ports(entry)}), dns()]
    }

    fn taken_by_service(&self, service: &Service) -> Vec<Value> {
        let callers =
            self.services.iter().filter(|other| callees(other).any(|callee| callee == service.name));
        let mut from: Vec<Value> = callers.map(|caller| self.unit(caller.name)).collect();
        let mut rules = Vec::new();
        if service.edge {
            match self.clients() {
                Clients::Everybody => {
                    rules.push(json!({"ports": [tcp(service.port)]}));
                    from.clear();
                }
                Clients::These(clients) => from.extend(clients.iter().map(peers)),
            }
        }
        if !from.is_empty() {
            rules.push(json!({"from": from, "ports": [tcp(service.port)]}));
        }
        let readers = self.wanted.scrape_from.iter().map(peers);
        let readers: Vec<Value> = [self.operator()].into_iter().chain(readers).collect();
        rules.push(json!({"from": readers, "ports": [tcp(MANAGEMENT_PORT)]}));
        rules
    }

    fn clients(&self) -> Clients<'_> {
        let named = &self.wanted.ingress_from;
        match &self.inputs.platform.spec.exposure {
            Some(Exposure { node_port: Some(_), .. } | Exposure { load_balancer: Some(_), .. }) => {
                Clients::Everybody
            }
            Some(Exposure { ingress: Some(_), .. } | Exposure { gateway_api: Some(_), .. })
                if named.is_empty() =>
            {
                Clients::Everybody
            }
            _ => Clients::These(named),
        }
    }

    fn opened_by_service(&self, service: &Service) -> Vec<Value> {
        let port_of = |name: &str| self.services.iter().find(|other| other.name == name).map(|s| s.port);
        let calls = callees(service).filter_map(|callee| Some((callee, port_of(callee)?)));
        let stores = self.managed().filter(|entry| service.stores().any(|store| store == entry.store));
        let sentinels = |entry: &StoreEntry| self.has_sentinels(entry).then_some(SENTINEL_PORT);
        let stores = stores.flat_map(|entry| {
            let ports = [entry.port].into_iter().chain(sentinels(entry));
            ports.map(|port| (entry.name, port))
        });
        let settings = self.inputs.platform.spec.service(service.name);
        let own = settings.map(|settings| settings.egress_cidrs.as_slice()).unwrap_or_default();
        self.opened(calls.chain(stores).collect(), own)
    }

    /// Connections to these units, to DNS and to what the spec names.
    fn opened(&self, units: Vec<(&str, u16)>, own: &[String]) -> Vec<Value> {
        let to_unit = |(unit, port): (&str, u16)| json!({"to": [self.unit(unit)], "ports": [tcp(port)]});
        let mut rules: Vec<Value> = units.into_iter().map(to_unit).collect();
        rules.push(dns());
        let mut networks: Vec<String> =
            self.wanted.egress_cidrs.iter().chain(own).filter_map(|n| canonical(n)).collect();
        networks.sort();
        networks.dedup();
        let blocks = networks.into_iter().map(|network| json!({"ipBlock": {"cidr": network}}));
        let to: Vec<Value> = blocks.chain(self.wanted.egress_to.iter().map(peers)).collect();
        if !to.is_empty() {
            rules.push(json!({"to": to}));
        }
        rules
    }

    fn unit(&self, unit: &str) -> Value {
        let platform = self.inputs.platform.metadata.name.as_deref().unwrap_or_default();
        let spec = catalog::store(unit).and_then(|entry| self.inputs.platform.spec.store(entry.store));
        // The pods of a store that another operator looks after have its labels.
        let labels = match spec.map_or(Mode::Managed, |spec| spec.mode()) {
            Mode::CloudNativePg => json!({"cnpg.io/cluster": object_name(platform, unit)}),
            Mode::ClusterOperator => json!({NAME_LABEL: object_name(platform, unit)}),
            Mode::Managed | Mode::Sentinel | Mode::External => {
                json!({NAME_LABEL: unit, INSTANCE_LABEL: platform})
            }
        };
        json!({"podSelector": {"matchLabels": labels}})
    }

    /// The operator asks each service how it is.
    fn operator(&self) -> Value {
        json!({
            "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: self.inputs.operator_namespace}},
            "podSelector": {"matchLabels": {NAME_LABEL: MANAGER}},
        })
    }
}

/// Who may come to the gateway.
enum Clients<'a> {
    Everybody,
    These(&'a [Peers]),
}

fn all_ports(entry: &StoreEntry) -> impl Iterator<Item = u16> {
    [entry.port].into_iter().chain(entry.extra_ports.iter().map(|(_, port)| *port))
}

/// The services that this one opens connections to. Whoever verifies people's tokens asks auth for its keys.
pub(super) fn callees(service: &Service) -> impl Iterator<Item = &'static str> {
    let keys = (service.name != "auth" && !service.calls.contains(&"auth")).then_some("auth");
    service.calls.iter().copied().chain(keys)
}

fn peers(peers: &Peers) -> Value {
    let mut peer = json!({"namespaceSelector": {"matchLabels": peers.namespace_labels}});
    if !peers.pod_labels.is_empty() {
        peer["podSelector"] = json!({"matchLabels": peers.pod_labels});
    }
    peer
}

/// Where a cluster has its DNS differs: in a namespace, or at an address of the node.
fn dns() -> Value {
    json!({"ports": [{"protocol": "UDP", "port": DNS_PORT}, tcp(DNS_PORT)]})
}

fn tcp(port: u16) -> Value {
    json!({"protocol": "TCP", "port": port})
}

/// The network without the bits that its length leaves out: newer API servers refuse them. None for what is no network.
fn canonical(network: &str) -> Option<String> {
    let (address, length) = network.split_once('/')?;
    let (address, length): (IpAddr, u32) = (address.parse().ok()?, length.parse().ok()?);
    let base = match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32u32.checked_sub(length)?).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128u32.checked_sub(length)?).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    };
    Some(format!("{base}/{length}"))
}
