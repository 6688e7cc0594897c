//! Everybody who might open or take a connection, and what is meant to be open among them, case by case.

use super::evaluate::{Labels, Party, Port, labels};
use catalog::{MANAGEMENT_PORT, SERVICES, STORES, Service};

pub(crate) const PORTS: [Port; 14] = [
    Port("UDP", 53),
    Port("TCP", 53),
    Port("TCP", 443),
    Port("TCP", 587),
    Port("TCP", 3000),
    Port("TCP", 3001),
    Port("TCP", 3002),
    Port("UDP", 3001),
    Port("TCP", 5432),
    Port("TCP", 5672),
    Port("TCP", 6379),
    Port("TCP", 9000),
    Port("TCP", 15672),
    Port("TCP", SENTINEL),
];
/// What Redis' Sentinels listen on.
const SENTINEL: u16 = 26379;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A pod of the platform, by the name of its unit.
    Unit(&'static str),
    Operator,
    Prometheus,
    /// An ingress controller's pod.
    Controller,
    /// A telemetry collector in the cluster.
    Collector,
    /// A database elsewhere.
    Database,
    /// A mail server elsewhere.
    Mail,
    /// Anybody else.
    Stranger,
}

pub(crate) struct Actor {
    pub(crate) role: Role,
    pub(crate) party: Party,
}

fn namespace(name: &str) -> Option<(String, Labels)> {
    Some((name.to_owned(), labels([("kubernetes.io/metadata.name", name)])))
}

fn pod(name: &str, instance: &str) -> Labels {
    labels([("app.kubernetes.io/name", name), ("app.kubernetes.io/instance", instance)])
}

pub(crate) fn everybody() -> Vec<Actor> {
    let mut all = Vec::new();
    let mut add = |role, name: &str, namespace: Option<(String, Labels)>, labels: Labels, address: &str| {
        let address = address.parse().expect("an address");
        all.push(Actor { role, party: Party { name: name.to_owned(), namespace, labels, address } });
    };
    let services = SERVICES.iter().map(|service| service.name);
    for unit in STORES.iter().map(|store| store.name).chain(["provision"]).chain(services) {
        add(Role::Unit(unit), unit, namespace("team"), pod(unit, "orion"), "10.42.1.1");
    }
    let stranger = Role::Stranger;
    add(stranger, "a stranger in the namespace", namespace("team"), labels([("app", "shop")]), "10.42.1.7");
    add(stranger, "another platform's user", namespace("team"), pod("user", "other"), "10.42.1.8");
    add(stranger, "another platform's redis", namespace("team"), pod("redis", "other"), "10.42.1.9");
    add(stranger, "a gateway elsewhere", namespace("elsewhere"), pod("gateway", "orion"), "10.42.2.1");
    add(stranger, "an operator elsewhere", namespace("elsewhere"), pod("orion-operator", "x"), "10.42.2.2");
    add(stranger, "what runs beside the operator", namespace("orion-system"), pod("x", "x"), "10.42.3.2");
    add(stranger, "the API server", None, Labels::new(), "192.168.0.1");
    add(stranger, "the internet", None, Labels::new(), "203.0.113.9");
    add(Role::Operator, "operator", namespace("orion-system"), pod("orion-operator", "orion"), "10.42.3.1");
    let prometheus = labels([("app", "prometheus")]);
    add(Role::Prometheus, "prometheus", namespace("monitoring"), prometheus, "10.42.4.1");
    add(
        stranger,
        "what runs beside Prometheus",
        namespace("monitoring"),
        labels([("app", "x")]),
        "10.42.4.2",
    );
    add(
        Role::Controller,
        "ingress controller",
        namespace("ingress"),
        labels([("app", "nginx")]),
        "10.42.5.1",
    );
    add(Role::Collector, "collector", namespace("observability"), labels([("app", "otel")]), "10.42.6.1");
    add(Role::Database, "a database elsewhere", None, Labels::new(), "10.20.0.5");
    add(Role::Mail, "a mail server", None, Labels::new(), "198.51.100.25");
    all
}

/// What a spec means for the network.
pub(crate) struct Case {
    pub(crate) spec: &'static str,
    /// Who may come to the gateway, beside those who call it; None is everybody.
    clients: Option<&'static [Role]>,
    readers: &'static [Role],
    /// Whom every service and the provisioning Job may reach.
    reached: &'static [Role],
    /// Whom one service may reach beside.
    reached_by: Option<(&'static str, Role)>,
    /// A store that isn't the platform's own.
    external: Option<&'static str>,
    /// Redis has Sentinels: its pods speak to each other.
    sentinel: bool,
}

const PLAIN: Case = Case {
    spec: "{networkPolicies: {}}",
    clients: Some(&[]),
    readers: &[],
    reached: &[],
    reached_by: None,
    external: None,
    sentinel: false,
};

impl Case {
    pub(crate) fn all() -> Vec<Case> {
        vec![
            PLAIN,
            Case { spec: "{networkPolicies: {}, exposure: {nodePort: {}}}", clients: None, ..PLAIN },
            Case { spec: "{networkPolicies: {}, exposure: {loadBalancer: {}}}", clients: None, ..PLAIN },
            Case {
                spec: "{networkPolicies: {}, exposure: {gatewayApi: {hosts: [a.example.com], parentRefs: [{name: a}]}}}",
                clients: None,
                ..PLAIN
            },
            Case {
                spec: "exposure: {ingress: {host: shop.example.com}}
networkPolicies:
  ingressFrom: [{namespaceLabels: {kubernetes.io/metadata.name: ingress}}]
  scrapeFrom: [{namespaceLabels: {kubernetes.io/metadata.name: monitoring}, podLabels: {app: prometheus}}]
  egressTo: [{namespaceLabels: {kubernetes.io/metadata.name: observability}}]",
                clients: Some(&[Role::Controller]),
                readers: &[Role::Prometheus],
                reached: &[Role::Collector],
                ..PLAIN
            },
            Case {
                spec: "postgres: {external: {host: db.example.com, secretRef: {name: db}}}
services: [{name: user, egressCIDRs: [198.51.100.25/32]}]
networkPolicies: {egressCIDRs: [10.20.0.0/16]}",
                reached: &[Role::Database],
                reached_by: Some(("user", Role::Mail)),
                external: Some("postgres"),
                ..PLAIN
            },
            Case { spec: "{networkPolicies: {}, redis: {sentinel: {}}}", sentinel: true, ..PLAIN },
        ]
    }

    fn is_own(&self, unit: &str) -> bool {
        self.external != Some(unit)
    }

    /// Whether the platform's own parts have this connection among themselves.
    fn within(&self, services: &[Service], from: &str, to: &str, port: Port) -> bool {
        let Port("TCP", number) = port else { return false };
        let caller = services.iter().find(|service| service.name == from);
        if let Some(store) = STORES.iter().find(|store| store.name == to) {
            let uses = caller.is_some_and(|caller| caller.needs.iter().any(|need| need.on == to));
            let tends = from == "provision" && store.extra_ports.iter().any(|(_, extra)| *extra == number);
            let provisions = from == "provision" && number == store.port;
            let has_sentinels = self.sentinel && to == "redis";
            let finds = has_sentinels && number == SENTINEL;
            let uses = (uses || has_sentinels && from == to) && (number == store.port || finds);
            return self.is_own(to) && (tends || provisions || uses);
        }
        let (Some(caller), Some(callee)) = (caller, services.iter().find(|service| service.name == to))
        else {
            return false;
        };
        // Every service checks people's tokens with auth's keys.
        let keys = callee.name == "auth" && caller.name != "auth";
        (keys || caller.calls.contains(&callee.name)) && number == callee.port
    }

    /// Whether `from` lets itself open it.
    pub(crate) fn opens(&self, services: &[Service], from: &Actor, to: &Actor, port: Port) -> bool {
        let Role::Unit(unit) = from.role else { return true };
        if !self.is_own(unit) {
            return true;
        }
        let is_store = STORES.iter().any(|store| store.name == unit);
        let named = self.reached.contains(&to.role) || self.reached_by == Some((unit, to.role));
        let within = matches!(to.role, Role::Unit(other) if self.within(services, unit, other, port));
        let resolves = port.1 == 53 && (!is_store || self.sentinel && unit == "redis");
        within || resolves || !is_store && named
    }

    /// Whether `to` lets itself take it.
    pub(crate) fn takes(&self, services: &[Service], from: &Actor, to: &Actor, port: Port) -> bool {
        let Role::Unit(unit) = to.role else { return true };
        if !self.is_own(unit) {
            return true;
        }
        if matches!(from.role, Role::Unit(other) if self.within(services, other, unit, port)) {
            return true;
        }
        let Some(service) = services.iter().find(|service| service.name == unit) else { return false };
        let client = service.edge
            && port == Port("TCP", service.port)
            && self.clients.is_none_or(|clients| clients.contains(&from.role));
        let reader = from.role == Role::Operator || self.readers.contains(&from.role);
        client || reader && port == Port("TCP", MANAGEMENT_PORT)
    }
}
