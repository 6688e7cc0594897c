//! The document that says what to provision. The operator writes it from the catalog and a platform's spec, the Job
//! carries it out: one type on both sides. It names files, never holds a password.

use std::path::{Path, PathBuf};

use catalog::{KeyMode, Service, Store};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, unreadable};

/// What is to be provisioned. A store that is left out is somebody else's to provision (`provisioning: None`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Document {
    /// Whose accounts these are, as `namespace/name`.
    pub platform: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresWork>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisWork>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rabbitmq: Option<RabbitmqWork>,
}

/// Where a store is and who may give out accounts on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    pub host: String,
    /// The other instances of a store that has several, on the same port and with the same administrator. Any may have
    /// the lead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    pub port: u16,
    /// It is the platform's alone, and so is every account in it. Elsewhere an account may be somebody else's.
    #[serde(default)]
    pub own: bool,
    #[serde(default)]
    pub tls: bool,
    /// The certificate authority to trust instead of the public ones, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    pub admin_username_file: PathBuf,
    pub admin_password_file: PathBuf,
}

impl Server {
    /// Each instance by itself.
    pub(crate) fn each(&self) -> impl Iterator<Item = Server> {
        let hosts = std::iter::once(&self.host).chain(&self.others);
        hosts.map(|host| Server { host: host.clone(), others: Vec::new(), ..self.clone() })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgresWork {
    pub server: Server,
    pub accounts: Vec<PostgresAccount>,
    /// The password of who reads everything for backups, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_password_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgresAccount {
    /// Owns the database and what is in it, whoever logs in.
    pub role: String,
    pub database: String,
    pub password_file: PathBuf,
    /// Logs in under a name of its own and is that role from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Login>,
    /// Whether the database gets the pgvector extension.
    #[serde(default)]
    pub vector: bool,
}

/// Another way into the same account, with the same rights, so that two passwords can be valid at a time. Whichever of
/// the two has no password file is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Login {
    pub user: String,
    pub password_file: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedisWork {
    pub server: Server,
    pub accounts: Vec<RedisAccount>,
    /// The password of who reads everything for backups, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_password_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedisAccount {
    pub user: String,
    pub password_file: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Login>,
    /// Key patterns that may be read only.
    #[serde(default)]
    pub read: Vec<String>,
    /// Key patterns that may be read and written.
    #[serde(default)]
    pub write: Vec<String>,
    /// Patterns of publish-subscribe channels.
    #[serde(default)]
    pub channels: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RabbitmqWork {
    pub server: Server,
    /// The port of the management API on the same host.
    pub management_port: u16,
    pub virtual_host: String,
    /// Topic exchanges, made durable.
    pub exchanges: Vec<String>,
    /// Quorum queues with what is bound to them.
    pub queues: Vec<Queue>,
    pub accounts: Vec<RabbitmqAccount>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Queue {
    pub name: String,
    pub bindings: Vec<ExchangeKeys>,
}

/// Routing keys on an exchange: bound to a queue, or allowed to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExchangeKeys {
    pub exchange: String,
    pub keys: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RabbitmqAccount {
    pub user: String,
    pub password_file: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Login>,
    /// What it may publish, and nothing else.
    #[serde(default)]
    pub publishes: Vec<ExchangeKeys>,
    /// Queues it may read.
    #[serde(default)]
    pub reads: Vec<String>,
}

/// The virtual host that a platform uses.
pub const VIRTUAL_HOST: &str = "orion";

/// The name of a service's PostgreSQL role: an identifier has no dashes.
pub fn role_of(service: &str) -> String {
    service.replace('-', "_")
}

impl Document {
    pub fn read(path: &Path) -> Result<Document, Failure> {
        let text = std::fs::read(path).map_err(|error| unreadable(path, error))?;
        serde_json::from_slice(&text).map_err(|error| unreadable(path, error))
    }

    pub fn is_empty(&self) -> bool {
        self.postgres.is_none() && self.redis.is_none() && self.rabbitmq.is_none()
    }
}

/// The key of the Secret that holds a password.
pub fn password_key(store: Store) -> String {
    format!("{}-password", store.name())
}

/// The name of the second of two: `auth-2`, `postgres-password-2`.
pub fn second_of(name: &str) -> String {
    format!("{name}-2")
}

/// The second way into a service's account in a store. `secret` is where its credentials are mounted.
fn second(user: &str, secret: &Path, store: Store) -> Login {
    Login { user: second_of(user), password_file: secret.join(second_of(&password_key(store))) }
}

impl PostgresAccount {
    /// None where the service has no database. `secret` is where its credentials are mounted.
    pub fn of(service: &Service, secret: &Path) -> Option<Self> {
        let database = service.database?.to_owned();
        let vector = database == "vector_db";
        let password_file = secret.join(password_key(Store::Postgres));
        let login = second(service.name, secret, Store::Postgres);
        let second = Some(Login { user: role_of(&login.user), ..login });
        Some(PostgresAccount { role: role_of(service.name), database, password_file, second, vector })
    }
}

impl RedisAccount {
    /// None where the service doesn't use Redis.
    pub fn of(service: &Service, secret: &Path) -> Option<Self> {
        service.stores().find(|store| *store == Store::Redis)?;
        let patterns = |mode: KeyMode| {
            service.redis.iter().filter(|k| k.mode == mode).map(|k| k.pattern.to_owned()).collect::<Vec<_>>()
        };
        Some(RedisAccount {
            user: service.name.to_owned(),
            password_file: secret.join(password_key(Store::Redis)),
            second: Some(second(service.name, secret, Store::Redis)),
            read: patterns(KeyMode::Read),
            write: patterns(KeyMode::Write),
            channels: vec![format!("{}:*", service.name)],
        })
    }
}

impl RabbitmqAccount {
    /// None where the service doesn't use RabbitMQ.
    pub fn of(service: &Service, secret: &Path) -> Option<Self> {
        service.stores().find(|store| *store == Store::Rabbitmq)?;
        let publishes = service.publishes.iter().map(|p| ExchangeKeys {
            exchange: p.exchange.to_owned(),
            keys: p.keys.iter().map(|(key, _)| (*key).to_owned()).collect(),
        });
        Some(RabbitmqAccount {
            user: service.name.to_owned(),
            password_file: secret.join(password_key(Store::Rabbitmq)),
            second: Some(second(service.name, secret, Store::Rabbitmq)),
            publishes: publishes.collect(),
            reads: service.consumes.iter().map(|c| c.queue.to_owned()).collect(),
        })
    }
}

impl RabbitmqWork {
    /// The exchanges and queues that these services publish to and read from.
    pub fn topology<'a>(services: impl Iterator<Item = &'a Service> + Clone) -> (Vec<String>, Vec<Queue>) {
        let published = services.clone().flat_map(|s| s.publishes.iter().map(|p| p.exchange));
        let read = services.clone().filter_map(|s| s.consumes).flat_map(|c| c.bindings.iter().map(|b| b.0));
        let mut exchanges: Vec<String> = published.chain(read).map(str::to_owned).collect();
        exchanges.sort();
        exchanges.dedup();
        let queues = services.filter_map(|s| s.consumes).map(|consumes| Queue {
            name: consumes.queue.to_owned(),
            bindings: consumes.bindings.iter().map(ExchangeKeys::bound).collect(),
        });
        (exchanges, queues.collect())
    }
}

impl ExchangeKeys {
    fn bound((exchange, keys): &(&str, &[&str])) -> Self {
        ExchangeKeys {
            exchange: (*exchange).to_owned(),
            keys: keys.iter().map(|k| (*k).to_owned()).collect(),
        }
    }
}
