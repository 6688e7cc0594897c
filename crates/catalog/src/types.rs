//! The vocabulary of the catalog. Data only: what follows from it is in `derive`.

/// The tiers in the order in which they are rolled out; teardown goes the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tier {
    Data = 0,
    Core = 1,
    Auth = 2,
    Business = 3,
    Gateway = 4,
    Extended = 5,
    Ai = 6,
    Management = 7,
}

impl Tier {
    pub const ALL: [Tier; 8] = [
        Tier::Data,
        Tier::Core,
        Tier::Auth,
        Tier::Business,
        Tier::Gateway,
        Tier::Extended,
        Tier::Ai,
        Tier::Management,
    ];

    pub fn number(self) -> u8 {
        self as u8
    }

    /// The status condition that says whether this tier is ready.
    pub fn condition(self) -> &'static str {
        match self {
            Tier::Data => "DataReady",
            Tier::Core => "CoreReady",
            Tier::Auth => "AuthReady",
            Tier::Business => "BusinessReady",
            Tier::Gateway => "GatewayReady",
            Tier::Extended => "ExtendedReady",
            Tier::Ai => "AIReady",
            Tier::Management => "ManagementReady",
        }
    }
}

/// A data store the platform stands on. The operator runs it, or is told where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    Postgres,
    Redis,
    Rabbitmq,
}

#[derive(Clone, Copy, Debug)]
pub struct StoreEntry {
    pub store: Store,
    pub name: &'static str,
    pub port: u16,
    /// Ports beside the main one that the operator or a person needs (RabbitMQ's management API).
    pub extra_ports: &'static [(&'static str, u16)],
}

/// What has to be there before a unit is started: a store or a service, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    pub on: &'static str,
    /// Without a hard need the unit cannot work; without a soft one it runs with less.
    pub hard: bool,
}

pub const fn hard(on: &'static str) -> Need {
    Need { on, hard: true }
}

pub const fn soft(on: &'static str) -> Need {
    Need { on, hard: false }
}

/// Who may pass the gateway on this route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No token needed.
    Public,
    /// A valid, unrevoked access token of a person.
    User,
}

/// A path the gateway exposes. The longest matching prefix wins; a prefix matches whole segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub prefix: &'static str,
    pub access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    Read,
    Write,
}

/// A pattern of Redis keys, as ACL rules write them, and what the service may do with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisKeys {
    pub pattern: &'static str,
    pub mode: KeyMode,
}

/// An exchange and routing keys that a service publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publishes {
    pub exchange: &'static str,
    /// Each with whether it may go unrouted: nobody may be listening on this installation.
    pub keys: &'static [(&'static str, MayBeUnroutable)],
}

pub type MayBeUnroutable = bool;

/// A queue that a service reads, with the explicit routing keys bound to it from each exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumes {
    pub queue: &'static str,
    pub bindings: &'static [(&'static str, &'static [&'static str])],
}

/// A Secret that the operator makes once, with random values, and mounts into the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratedSecret {
    /// The Secret is `<platform>-<suffix>`; its mount is `/run/orion/<suffix>`.
    pub suffix: &'static str,
    /// The variable that tells the service where it is: the file when there is one key, else the folder.
    pub env: &'static str,
    pub keys: &'static [(&'static str, SecretValue)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretValue {
    /// 32 random bytes, base64.
    Key256,
    /// A random password of 24 letters and digits.
    Password,
    Fixed(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Service {
    pub name: &'static str,
    pub port: u16,
    pub tier: Tier,
    /// One line for people: `kubectl explain`, docs and the status page use it.
    pub summary: &'static str,
    /// What must be ready before this is started. Acyclic.
    pub needs: &'static [Need],
    /// Services this one may call at run time; may point upward.
    pub calls: &'static [&'static str],
    pub routes: &'static [Route],
    pub health_path: &'static str,
    pub database: Option<&'static str>,
    pub redis: &'static [RedisKeys],
    pub publishes: &'static [Publishes],
    pub consumes: Option<Consumes>,
    pub secrets: &'static [GeneratedSecret],
    /// Whether this is where clients come in: exposure applies to it.
    pub edge: bool,
}
