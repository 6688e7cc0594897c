//! Which kinds the API server has, of those that something else brings: the Gateway API, cert-manager, the Prometheus
//! operator. They may come at any time, and go.
//!
//! The API server is asked at the start, and then only while a platform wants a kind that isn't there: often where it
//! can't be whole without, ever more seldom where the kind would be a nicety. Only a watch of definitions could tell by
//! itself, and that is a right over the whole cluster, which an operator of one namespace doesn't have. A kind is
//! watched from when it is there until it is gone, and every platform is looked at again when it comes or goes.

use super::cache::{Cache, Key};
use super::kinds::{KINDS, Kind, Presence};
use super::queue::key_of;
use super::watch;
use crate::api::OrionPlatform;
use kube::Client;
use kube::runtime::reflector::Store;
use kube::runtime::watcher;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// While a platform waits for a kind.
const WANTED: Duration = Duration::from_secs(5);
/// While the caches wait for the first answer.
const AT_START: Duration = Duration::from_secs(1);
/// While a platform would like one: the first pause, which doubles up to the longest.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// A platform that waits says so at least once a minute.
const WISH: Duration = Duration::from_secs(150);
/// One that would only like it is looked at, and says so, more seldom.
const LIKING: Duration = Duration::from_secs(900);
/// While nobody wants any: until somebody does.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What is known of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It was not read yet.
    #[default]
    Unknown,
    /// It was read, and is watched.
    Read,
    /// The API server doesn't have it.
    Absent,
    /// The API server has it and doesn't show it to the operator.
    Refused(String),
}

impl State {
    fn is_missing(&self) -> bool {
        matches!(self, Self::Absent | Self::Refused(_))
    }
}

#[derive(Default)]
pub struct Served {
    states: Mutex<HashMap<&'static str, State>>,
    /// When a platform said last that it waits for a kind.
    wishes: Mutex<HashMap<&'static str, Instant>>,
    /// When a platform said last that it would like a kind.
    likings: Mutex<HashMap<&'static str, Instant>>,
    wished: Notify,
    /// A kind came or went.
    turned: Notify,
}

impl Served {
    /// Whether every kind is read that can be.
    pub fn complete(&self) -> bool {
        let states = self.states();
        KINDS.iter().all(|kind| states.get(kind.kind).is_some_and(|state| *state != State::Unknown))
    }

    /// Whether objects of this kind can't be here, for now.
    pub fn is_missing(&self, kind: &Kind) -> bool {
        self.states().get(kind.kind).is_some_and(State::is_missing)
    }

    pub fn set(&self, kind: &'static Kind, state: State) {
        let before = self.states().insert(kind.kind, state.clone()).unwrap_or_default();
        if before != State::Unknown && before.is_missing() != state.is_missing() {
            tracing::info!(kind = kind.kind, ?state, "a kind came or went");
            self.turned.notify_one();
        }
    }

    pub(super) fn lose(&self, kind: &'static Kind, error: &watcher::Error) {
        self.set(kind, refusal(error).unwrap_or(State::Absent));
    }

    /// A kind that is there and can't be read must not keep the operator from its work.
    pub(super) fn not_waited_for(&self, kind: &'static Kind, error: &watcher::Error) {
        let unknown = self.states().get(kind.kind).is_none_or(|state| *state == State::Unknown);
        if unknown {
            self.set(kind, State::Refused(error.to_string()));
        }
    }

    /// What a platform is told that can't be whole without this kind.
    pub fn told(&self, kind: &Kind) -> String {
        let Presence::Required(remedy) = kind.presence else { return String::new() };
        let definition = format!("{}.{}", kind.plural, kind.group);
        match self.states().get(kind.kind) {
            Some(State::Refused(why)) => {
                format!(
                    "the operator can't see {definition}: {why}: give its role the rights that the chart's has"
                )
            }
            _ => format!(
                "the cluster has no {} ({definition} of version {}): {remedy}; nothing needs a restart then",
                kind.kind, kind.version
            ),
        }
    }

    /// A platform waits for this kind.
    pub fn wish(&self, kind: &'static Kind) {
        let now = Instant::now();
        let before = self.wishes().insert(kind.kind, now);
        if before.is_none_or(|before| now.duration_since(before) > WISH) {
            self.wished.notify_one();
        }
    }

    /// A platform would make use of this kind.
    pub fn like(&self, kind: &'static Kind) {
        let before =
            self.likings.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.kind, Instant::now());
        if before.is_none_or(|before| before.elapsed() > LIKING) {
            self.wished.notify_one();
        }
    }

    fn is_liked(&self) -> bool {
        let mut likings = self.likings.lock().unwrap_or_else(PoisonError::into_inner);
        likings.retain(|_, when| when.elapsed() <= LIKING);
        !likings.is_empty()
    }

    fn is_wanted(&self) -> bool {
        let mut wishes = self.wishes();
        wishes.retain(|_, when| when.elapsed() <= WISH);
        !wishes.is_empty()
    }

    fn states(&self) -> MutexGuard<'_, HashMap<&'static str, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wishes(&self) -> MutexGuard<'_, HashMap<&'static str, Instant>> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an error of a watch says about the kind as such; None where trying again may help.
pub(super) fn refusal(error: &watcher::Error) -> Option<State> {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    let status = match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => status,
        _ => return None,
    };
    match status.code {
        404 => Some(State::Absent),
        403 => Some(State::Refused(status.message.clone())),
        _ => None,
    }
}

/// Finds and watches the optional kinds until the process ends.
pub(super) struct Finder {
    pub(super) client: Client,
    pub(super) scope: Option<String>,
    pub(super) cache: Arc<Cache>,
    pub(super) platforms: Store<OrionPlatform>,
    pub(super) triggers: UnboundedSender<Key>,
}

impl Finder {
    pub(super) async fn run(self) {
        let mut watches: HashMap<&'static str, JoinHandle<()>> = HashMap::new();
        let mut back_off = FIRST;
        loop {
            watches.retain(|_, watch| !watch.is_finished());
            let open = KINDS.iter().filter(|kind| kind.is_optional() && !watches.contains_key(kind.kind));
            let found = self.found(open.collect()).await;
            let unknown = found.is_none();
            for kind in found.into_iter().flatten() {
                let (client, scope) = (self.client.clone(), self.scope.clone());
                let watch = watch::children(client, scope, kind, self.cache.clone(), self.triggers.clone());
                watches.insert(kind.kind, tokio::spawn(watch));
            }
            let pause = match () {
                () if unknown && !self.cache.complete() => AT_START,
                () if self.cache.served.is_wanted() => WANTED,
                () if unknown || self.cache.served.is_liked() => back_off,
                () => NEVER,
            };
            self.rest(pause).await;
            back_off = back_off.saturating_mul(2).min(LONGEST);
        }
    }

    /// Until it is time to ask again, or a platform begins to wait.
    async fn rest(&self, pause: Duration) {
        let (served, until) = (&self.cache.served, Instant::now() + pause);
        loop {
            tokio::select! {
                () = sleep_until(until) => return,
                () = served.wished.notified() => return,
                () = served.turned.notified() => {
                    for platform in self.platforms.state() {
                        let key = key_of(&platform);
                        self.cache.touch(&key);
                        let _ = self.triggers.send(key);
                    }
                }
            }
        }
    }

    /// Which of these kinds the API server has; of the others it is noted that it has not. None where it didn't say.
    async fn found(&self, open: Vec<&'static Kind>) -> Option<Vec<&'static Kind>> {
        if open.is_empty() {
            return Some(open);
        }
        let there = match there(&self.client, &open).await {
            Ok(there) => there,
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!(error = status.message, "may not ask which kinds there are");
                BTreeSet::new()
            }
            Err(error) => {
                tracing::warn!(%error, "can't ask which kinds there are, will be tried again");
                return None;
            }
        };
        let (found, absent): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|kind| there.contains(&(kind.api_version(), kind.kind.to_owned())));
        absent.into_iter().for_each(|kind| self.cache.served.set(kind, State::Absent));
        Some(found)
    }
}

/// Group with version, and kind, of what the API server has in the groups of these kinds: one call where it has none of
/// the groups, one more for each that it has.
async fn there(client: &Client, open: &[&Kind]) -> Result<BTreeSet<(String, String)>, kube::Error> {
    let groups = client.list_api_groups().await?.groups;
    let served: BTreeSet<String> =
        groups.into_iter().flat_map(|group| group.versions).map(|version| version.group_version).collect();
    let wanted: BTreeSet<String> = open.iter().map(|kind| kind.api_version()).collect();
    let mut there = BTreeSet::new();
    for version in wanted.intersection(&served) {
        let list = match client.list_api_group_resources(version).await {
            // It went just now.
            Err(kube::Error::Api(status)) if status.code == 404 => continue,
            other => other?,
        };
        there.extend(list.resources.into_iter().map(|resource| (version.clone(), resource.kind)));
    }
    Ok(there)
}
