//! What each Secret holds, without ever holding it: values are made or put together at apply.

use super::Inputs;
use super::scope::Scope;
use crate::api::{External, OrionPlatformSpec, Provisioning};
use catalog::{SecretValue, Service, Store, object_name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use storekeeper::document::{VIRTUAL_HOST, role_of};

/// A Secret that must exist before the unit's objects are applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretSpec {
    pub name: String,
    /// The unit it belongs to and is removed with, which need not be the one that lists it.
    pub unit: String,
    pub labels: BTreeMap<String, String>,
    pub keys: Vec<(String, SecretKey)>,
}

/// How the value of a key comes about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretKey {
    /// 24 random letters and digits. Made once, never overwritten.
    Password,
    /// 32 random bytes in base64. Made once, never overwritten.
    Key256,
    /// This very text. Written once, never overwritten.
    Fixed(String),
    /// Text put together from other keys, recomputed whenever they change. `${key}` is a key of the same Secret,
    /// `${secret:key}` one of another Secret of the namespace (an external store's).
    Template(String),
}

pub(super) const CREDENTIALS_SUFFIX: &str = "credentials";

/// The key, and so the file, in which a service finds where a store is.
pub(super) fn url_key(store: Store) -> &'static str {
    match store {
        Store::Postgres => "database-url",
        Store::Redis => "redis-url",
        Store::Rabbitmq => "amqp-url",
    }
}

/// The administrator's account of a managed store.
pub(super) fn of_store(scope: &Scope, store: Store) -> SecretSpec {
    let username = match store {
        Store::Postgres => "postgres",
        Store::Redis | Store::Rabbitmq => "admin",
    };
    let mut keys = vec![
        ("username".to_owned(), SecretKey::Fixed(username.to_owned())),
        ("password".to_owned(), SecretKey::Password),
    ];
    if store == Store::Rabbitmq {
        keys.push(("erlang-cookie".to_owned(), SecretKey::Password));
    }
    SecretSpec {
        name: scope.name_of("admin"),
        unit: scope.unit.to_owned(),
        labels: scope.data_labels(store),
        keys,
    }
}

/// All Secrets of a service: its accounts in the stores, and what the catalog has generated for it.
pub(super) fn of_service(inputs: &Inputs, service: &Service) -> Vec<SecretSpec> {
    let scope = Scope::new(inputs, service.name, service.tier);
    let generated = service.secrets.iter().map(|secret| SecretSpec {
        name: object_name(scope.platform(), secret.suffix),
        unit: service.name.to_owned(),
        // Keys to, and the first account in, what the service keeps in its database.
        labels: scope.data_labels(Store::Postgres),
        keys: secret.keys.iter().map(|(key, value)| ((*key).to_owned(), value.into())).collect(),
    });
    credentials(inputs, service).into_iter().chain(generated).collect()
}

impl From<&SecretValue> for SecretKey {
    fn from(value: &SecretValue) -> Self {
        match value {
            SecretValue::Key256 => SecretKey::Key256,
            SecretValue::Password => SecretKey::Password,
            SecretValue::Fixed(text) => SecretKey::Fixed((*text).to_owned()),
        }
    }
}

/// A service's accounts in the stores that it uses. None where it uses none.
pub(super) fn credentials(inputs: &Inputs, service: &Service) -> Option<SecretSpec> {
    let scope = Scope::new(inputs, service.name, service.tier);
    let keys: Vec<_> = service.stores().flat_map(|store| account(&scope, service, store)).collect();
    (!keys.is_empty()).then(|| SecretSpec {
        name: scope.name_of(CREDENTIALS_SUFFIX),
        unit: service.name.to_owned(),
        labels: scope.labels(),
        keys,
    })
}

fn account(scope: &Scope, service: &Service, store: Store) -> Vec<(String, SecretKey)> {
    let place = Place::of(scope.spec(), scope.platform(), store);
    let url = url_key(store).to_owned();
    if let Some(secret) = place.given {
        return vec![(url, SecretKey::Template(format!("${{{secret}:{}-url}}", service.name)))];
    }
    let Place { host, port, tls, .. } = place;
    let password = format!("{}-password", store.name());
    let text = match store {
        Store::Postgres => {
            let role = role_of(service.name);
            let database = service.database.unwrap_or("postgres");
            let mode = if tls { "verify-full" } else { "disable" };
            format!("postgres://{role}:${{{password}}}@{host}:{port}/{database}?sslmode={mode}")
        }
        Store::Redis => {
            let scheme = if tls { "rediss" } else { "redis" };
            format!("{scheme}://{}:${{{password}}}@{host}:{port}", service.name)
        }
        Store::Rabbitmq => {
            let scheme = if tls { "amqps" } else { "amqp" };
            format!("{scheme}://{}:${{{password}}}@{host}:{port}/{VIRTUAL_HOST}", service.name)
        }
    };
    vec![(password, SecretKey::Password), (url, SecretKey::Template(text))]
}

/// Where a store is, and whose the accounts in it are.
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    /// RabbitMQ's management API.
    pub(super) management_port: u16,
    pub(super) tls: bool,
    pub(super) managed: bool,
    /// The Secret with the administrator's username and password.
    pub(super) admin_secret: String,
    /// The Secret with ready URLs, where the accounts are somebody else's to make.
    pub(super) given: Option<String>,
}

impl Place {
    pub(super) fn of(spec: &OrionPlatformSpec, platform: &str, store: Store) -> Self {
        let entry = store.entry();
        match spec.store(store).and_then(|s| s.external.as_ref()) {
            Some(external) => Self::external(external, store),
            None => Self {
                host: object_name(platform, entry.name),
                port: entry.port,
                management_port: entry.extra_ports.first().map_or(0, |(_, port)| *port),
                tls: false,
                managed: true,
                admin_secret: format!("{}-admin", object_name(platform, entry.name)),
                given: None,
            },
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
            port: port(external.port, default),
            management_port: port(external.management_port, if external.tls { 15671 } else { 15672 }),
            tls: external.tls,
            managed: false,
            given: (external.provisioning == Provisioning::None).then(|| secret.clone()),
            admin_secret: secret,
        }
    }
}
