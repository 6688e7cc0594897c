//! What each Secret holds, without ever holding it: values are made or put together at apply.

use super::Inputs;
use super::place::{Place, SENTINEL_NAME, SENTINEL_PORT};
use super::scope::Scope;
use crate::api::Mode;
use catalog::{SecretValue, Service, Store, object_name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use storekeeper::document::{VIRTUAL_HOST, password_key, role_of, second_of};

/// A Secret that must exist before the unit's objects are applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretSpec {
    pub name: String,
    /// The unit it belongs to and is removed with, which need not be the one that lists it.
    pub unit: String,
    pub labels: BTreeMap<String, String>,
    pub keys: Vec<(String, SecretKey)>,
    /// The keys of the second account, each named like its counterpart in `keys` with `-2` added. The two accounts take
    /// turns: only when both are needed does the Secret hold both. Empty where no account is replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second: Vec<(String, SecretKey)>,
}

/// One of the two accounts that a service has in each store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    First,
    Second,
}

impl SecretSpec {
    /// Whether it holds accounts that are replaced now and then.
    pub fn rotates(&self) -> bool {
        !self.second.is_empty()
    }

    /// Whose a key is; None where it is there whichever account has its turn.
    pub fn account_of(&self, key: &str) -> Option<Account> {
        let is = |name: &str| self.second.iter().any(|(other, _)| other == name);
        match () {
            () if is(key) => Some(Account::Second),
            () if is(&second_of(key)) => Some(Account::First),
            () => None,
        }
    }

    /// The keys that the Secret is to have, of the accounts that it is to hold.
    pub fn keys_with(&self, held: impl Fn(Account) -> bool) -> impl Iterator<Item = &(String, SecretKey)> {
        let all = self.keys.iter().chain(&self.second);
        all.filter(move |(key, _)| self.account_of(key).is_none_or(&held))
    }
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

impl SecretKey {
    /// Whether it takes its value from another Secret.
    pub fn is_foreign(&self) -> bool {
        matches!(self, SecretKey::Template(text) if text.split("${").skip(1).any(|part| part.split('}').next().unwrap_or_default().contains(':')))
    }
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
    let sentinel = scope.spec().store(store).is_some_and(|spec| spec.mode() == Mode::Sentinel);
    let more: &[&str] = match store {
        Store::Rabbitmq => &["erlang-cookie"],
        // With which the instances speak to each other.
        Store::Redis if sentinel => &["replica-password", "sentinel-password"],
        _ => &[],
    };
    keys.extend(more.iter().map(|key| ((*key).to_owned(), SecretKey::Password)));
    SecretSpec {
        name: scope.name_of("admin"),
        unit: scope.unit.to_owned(),
        labels: scope.data_labels(store),
        keys,
        second: Vec::new(),
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
        second: Vec::new(),
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
    let (mut keys, mut second) = (Vec::new(), Vec::new());
    for store in service.stores() {
        let place = Place::of(scope.spec(), scope.platform(), store);
        if let Some(secret) = &place.given {
            let url = format!("${{{secret}:{}-url}}", service.name);
            keys.push((url_key(store).to_owned(), SecretKey::Template(url)));
            continue;
        }
        let names = (password_key(store), url_key(store).to_owned());
        second.extend(account(&place, service, store, &second_of(service.name), names.clone(), second_of));
        keys.extend(account(&place, service, store, service.name, names, str::to_owned));
    }
    (!keys.is_empty()).then(|| SecretSpec {
        name: scope.name_of(CREDENTIALS_SUFFIX),
        unit: service.name.to_owned(),
        labels: scope.labels(),
        keys,
        second,
    })
}

/// The same without what comes from somebody else's Secret: all that accounts are made from. A URL that is missing there
/// holds up the service that uses it, and nobody's accounts.
pub(super) fn accounts(inputs: &Inputs, service: &Service) -> Option<SecretSpec> {
    let mut spec = credentials(inputs, service)?;
    spec.keys.retain(|(_, key)| !key.is_foreign());
    (!spec.keys.is_empty()).then_some(spec)
}

/// Password and URL of one account, under their keys.
fn account(
    place: &Place,
    service: &Service,
    store: Store,
    user: &str,
    (password, url): (String, String),
    named: fn(&str) -> String,
) -> [(String, SecretKey); 2] {
    let Place { host, port, tls, .. } = place;
    let password = named(&password);
    let text = match store {
        Store::Postgres => {
            let role = role_of(user);
            let database = service.database.unwrap_or("postgres");
            let mode = if *tls { "verify-full" } else { "disable" };
            format!("postgres://{role}:${{{password}}}@{host}:{port}/{database}?sslmode={mode}")
        }
        Store::Redis if !place.others.is_empty() => sentinels(place, user, &password),
        Store::Redis => {
            let scheme = if *tls { "rediss" } else { "redis" };
            format!("{scheme}://{user}:${{{password}}}@{host}:{port}")
        }
        Store::Rabbitmq => {
            let scheme = if *tls { "amqps" } else { "amqp" };
            format!("{scheme}://{user}:${{{password}}}@{host}:{port}/{VIRTUAL_HOST}")
        }
    };
    [(password, SecretKey::Password), (named(&url), SecretKey::Template(text))]
}

/// Of three Sentinels: another number of instances must not restart whoever reads this.
fn sentinels(place: &Place, user: &str, password: &str) -> String {
    let mut hosts = place.hosts().take(3).map(|host| format!("{host}:{SENTINEL_PORT}"));
    let first = hosts.next().unwrap_or_default();
    let others: String = hosts.map(|host| format!("&node={host}")).collect();
    format!("redis-sentinel://{user}:${{{password}}}@{first}?sentinelServiceName={SENTINEL_NAME}{others}")
}
