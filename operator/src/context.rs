//! What every reconcile shares: the client behind its gate, the caches, what is remembered between reconciles.

use crate::api::{OrionPlatform, OrionPlatformStatus};
use crate::controller::bind::SecretData;
use crate::controller::cache::{Cache, Key};
use crate::controller::figures::waiting::Waiting;
use crate::controller::keys::{CallerKeys, Published};
use crate::controller::probe::Probes;
use crate::controller::writer::Writer;
use crate::revision::Revision;
use kube::Client;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tracing_subscriber::filter::Targets;

/// How the operator runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Namespace whose platforms are looked after. Default: the one the operator runs in.
    #[arg(long, env = "ORION_WATCH_NAMESPACE", value_name = "NAME", global = true)]
    pub namespace: Option<String>,
    /// Look after the platforms of all namespaces.
    #[arg(
        long,
        env = "ORION_ALL_NAMESPACES",
        action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
        value_name = "BOOL", global = true
    )]
    pub all_namespaces: bool,
    /// What the Jobs run that work inside the stores.
    #[arg(
        long,
        env = "ORION_STOREKEEPER_IMAGE",
        value_name = "IMAGE",
        default_value_t = format!("ghcr.io/orion-platform/storekeeper:{}", crate::version()),
        global = true
    )]
    pub storekeeper_image: String,
    /// Address for /livez, /readyz and /metrics.
    #[arg(
        long,
        env = "ORION_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "0.0.0.0:8080",
        global = true
    )]
    pub listen: SocketAddr,
    /// Work only while holding a Lease in the operator's own namespace. Switch it off only where there can be no
    /// second operator.
    #[arg(
        long,
        env = "ORION_LEADER_ELECT",
        action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true,
        value_name = "BOOL", global = true
    )]
    pub leader_elect: bool,
    /// Name of that Lease. Two operators that look after different namespaces need two.
    #[arg(long, env = "ORION_LEASE", value_name = "NAME", default_value = "orion-operator", global = true)]
    pub lease: String,
    /// How many platforms are worked on at the same time.
    #[arg(long, env = "ORION_CONCURRENCY", value_name = "COUNT", default_value_t = 4, global = true)]
    pub concurrency: u16,
    /// What is logged: a level, or levels of parts of the program, as in "operator=debug,warn".
    #[arg(long, env = "ORION_LOG", value_name = "FILTER", default_value = "info", global = true)]
    pub log: Targets,
}

impl Options {
    /// The namespace to watch; None for all.
    pub fn scope(&self, own: &str) -> Option<String> {
        let one = || self.namespace.clone().unwrap_or_else(|| own.to_owned());
        (!self.all_namespaces).then(one)
    }
}

pub struct Context {
    pub client: Client,
    pub writer: Writer,
    pub cache: Arc<Cache>,
    pub probes: Arc<Probes>,
    pub keys: CallerKeys,
    /// Which of several operators this one is, for those who read Events.
    pub instance: String,
    pub storekeeper_image: String,
    /// The operator's own.
    pub namespace: String,
    pub memory: Memory,
    pub waiting: Arc<Waiting>,
}

/// What is remembered of platforms between reconciles. All of it may be lost: it only saves work, or time.
#[derive(Default)]
pub struct Memory(Mutex<HashMap<Key, Remembered>>);

#[derive(Default)]
pub struct Remembered {
    uid: String,
    /// The status as it was written last; the watch may be a moment behind.
    pub status: Option<OrionPlatformStatus>,
    /// Failed reconciles in a row.
    pub failures: u32,
    /// Units that are not ready and nobody knows why, with when that was first so.
    pub unexplained: HashMap<String, Instant>,
    /// What the last look at the events said, by unit.
    pub events: HashMap<String, String>,
    pub looked_at_events: Option<Instant>,
    /// When the namespace was looked at last, and whether it was on its way out.
    pub namespace: Option<(Instant, bool)>,
    /// Stored revisions that are in use, by hash. Few platforms need any: what the spec says is made anew each time.
    pub revisions: HashMap<String, Arc<Revision>>,
    /// As it was when it was found to be whole; None while there is something to do.
    pub rest: Option<Rest>,
    /// When the last try was made to let volumes grow that could not.
    pub resized: Option<Instant>,
    /// Secrets that aren't the platform's own, and when they were read.
    pub foreign: Option<(Instant, SecretData)>,
}

/// What a platform was whole with. While none of it has changed, another look would find the same.
#[derive(Clone)]
pub struct Rest {
    /// Of the platform.
    pub version: Option<String>,
    /// Of what belongs to it, see `Cache::changed`.
    pub children: u64,
    pub keys: Arc<Published>,
    pub since: Instant,
}

impl Memory {
    /// Looks at, or changes, what is remembered of a platform. `f` must not wait for anything.
    pub fn of<T>(&self, key: &Key, f: impl FnOnce(&mut Remembered) -> T) -> T {
        f(self.lock().entry(key.clone()).or_default())
    }

    /// Starts anew when the name is another object's by now.
    pub fn meet(&self, key: &Key, platform: &OrionPlatform) {
        let uid = platform.metadata.uid.as_deref().unwrap_or_default();
        self.of(key, |m| {
            if m.uid != uid {
                *m = Remembered { uid: uid.to_owned(), ..Remembered::default() };
            }
        });
    }

    pub fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
