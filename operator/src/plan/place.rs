//! Where each store is, and who makes the accounts in it.

use crate::api::{External, Mode, OrionPlatformSpec, Provisioning};
use catalog::{Store, object_name};

/// Where the Sentinels of Redis listen.
pub(super) const SENTINEL_PORT: u16 = 26379;
/// What the Sentinels call the one Redis that they watch.
pub(super) const SENTINEL_NAME: &str = "orion";

/// Where a store is, and whose the accounts in it are.
pub(super) struct Place {
    pub(super) host: String,
    /// The other instances of a store that the operator runs several of; any may have the lead.
    pub(super) others: Vec<String>,
    pub(super) port: u16,
    /// RabbitMQ's management API.
    pub(super) management_port: u16,
    pub(super) tls: bool,
    /// Secret and key with the authority that is trusted instead of the public ones.
    pub(super) ca: Option<(String, String)>,
    pub(super) managed: bool,
    /// The Secret with the administrator's username and password.
    pub(super) admin_secret: String,
    /// The Secret with ready URLs, where the accounts are somebody else's to make.
    pub(super) given: Option<String>,
}

impl Place {
    pub(super) fn of(spec: &OrionPlatformSpec, platform: &str, store: Store) -> Self {
        let name = object_name(platform, store.entry().name);
        let given = spec.store(store);
        match (given.map_or(Mode::Managed, |s| s.mode()), given.and_then(|s| s.external.as_ref())) {
            (Mode::External, Some(external)) => Self::external(external, store),
            (Mode::CloudNativePg, _) => Self {
                host: format!("{name}-rw"),
                tls: true,
                ca: Some((format!("{name}-ca"), "ca.crt".to_owned())),
                // Its operator has accounts of its own in there.
                managed: false,
                admin_secret: format!("{name}-superuser"),
                ..Self::own(platform, store)
            },
            (Mode::ClusterOperator, _) => Self {
                managed: false,
                admin_secret: format!("{name}-default-user"),
                ..Self::own(platform, store)
            },
            (Mode::Sentinel, _) => {
                let instances =
                    given.and_then(|s| s.replicated()).map_or(3, |replicated| replicated.instances);
                let mut nodes = nodes(&name, instances);
                let host = nodes.remove(0);
                Self { host, others: nodes, ..Self::own(platform, store) }
            }
            _ => Self::own(platform, store),
        }
    }

    /// All instances.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.host).chain(&self.others).map(String::as_str)
    }

    fn own(platform: &str, store: Store) -> Self {
        let entry = store.entry();
        Self {
            host: object_name(platform, entry.name),
            others: Vec::new(),
            port: entry.port,
            management_port: entry.extra_ports.first().map_or(0, |(_, port)| *port),
            tls: false,
            ca: None,
            managed: true,
            admin_secret: format!("{}-admin", object_name(platform, entry.name)),
            given: None,
        }
    }

    fn external(external: &External, store: Store) -> Self {
        let port = |given: Option<i32>, default: u16| {
            given.and_then(|port| u16::try_from(port).ok()).unwrap_or(default)
        };
        let secret = external.secret_ref.name.clone();
        let default = match store {
            Store::Rabbitmq if external.tls => 5671,
            other => other.entry().port,
        };
        Self {
            host: external.host.clone().unwrap_or_default(),
            others: Vec::new(),
            port: port(external.port, default),
            management_port: port(external.management_port, if external.tls { 15671 } else { 15672 }),
            tls: external.tls,
            ca: external.ca_secret_ref.as_ref().map(|ca| (ca.name.clone(), ca.key.clone())),
            managed: false,
            given: (external.provisioning == Provisioning::None).then(|| secret.clone()),
            admin_secret: secret,
        }
    }
}

/// The Service that gives each instance of a store a name of its own.
pub(super) fn nodes_service(store: &str) -> String {
    format!("{store}-nodes")
}

/// What each instance is called, whatever address it has.
pub(super) fn nodes(store: &str, instances: i32) -> Vec<String> {
    (0..instances.max(1)).map(|n| format!("{store}-{n}.{}", nodes_service(store))).collect()
}
