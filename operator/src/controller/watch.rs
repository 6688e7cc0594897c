//! One watch a kind: fills the cache and says whose platform is to be looked at.
//!
//! Each kind is read once at the start and watched from there on. What is not needed is dropped before it is kept:
//! of managedFields only the operator's own entries, of a Pod everything but its labels and status, of a stored revision
//! its content.
//!
//! The watch of a kind that the cluster may lose ends when it does; `served` starts it again when it comes back.

use super::cache::{Cache, Key};
use super::claim::HELPER;
use super::diff::MANAGER;
use super::kinds::{Kind, Role};
use super::queue::key_of;
use super::served::State;
use crate::api::OrionPlatform;
use futures::stream::poll_fn;
use futures::{Stream, StreamExt, ready};
use kube::api::DynamicObject;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::runtime::{WatchStreamExt, reflector};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::mpsc::UnboundedSender;

/// How many objects of a list are in memory at once as the API server sends them; packed they are a tenth.
const PAGE: u32 = 100;

/// Watches a kind until the process ends, or until an optional one can't be watched any more.
pub async fn children(
    client: Client,
    namespace: Option<String>,
    kind: &'static Kind,
    cache: Arc<Cache>,
    triggers: UnboundedSender<Key>,
) {
    let resource = kind.resource();
    let api: Api<DynamicObject> = match &namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let mut events = pin!(read(api, Config::default().labels(&kind.selector())).default_backoff());
    let (mut reading, mut read) = (0, BTreeSet::new());
    while let Some(event) = events.next().await {
        let touched: Vec<Key> = match event {
            Ok(Event::Init) => {
                reading += 1;
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                read.extend(cache.put(kind.kind, &pruned(kind, object), reading));
                Vec::new()
            }
            Ok(Event::InitDone) => {
                read.extend(cache.finish(kind.kind, reading));
                cache.served.set(kind, State::Read);
                std::mem::take(&mut read).into_iter().collect()
            }
            Ok(Event::Apply(object)) => cache.put(kind.kind, &pruned(kind, object), reading),
            Ok(Event::Delete(object)) => cache.remove(kind.kind, &pruned(kind, object)),
            Err(error) if kind.is_optional() && is_lost(&error) => {
                let touched = cache.finish(kind.kind, reading + 1);
                cache.served.lose(kind, &error);
                touched.into_iter().for_each(|key| drop(triggers.send(key)));
                return;
            }
            Err(error) => {
                tracing::warn!(kind = kind.kind, %error, "watch broke, starting it again");
                if kind.is_optional() {
                    cache.served.not_waited_for(kind, &error);
                }
                continue;
            }
        };
        for key in touched {
            let _ = triggers.send(key);
        }
    }
}

/// What there is, and from then on what changes. An API server that can tells what there is as it tells what changes, one
/// by one; of one that can't it is read page by page.
fn read<K>(api: Api<K>, config: Config) -> impl Stream<Item = Result<Event<K>, Error>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = config.page_size(PAGE);
    let mut events = watcher(api.clone(), config.clone().streaming_lists()).boxed();
    let mut streams = true;
    poll_fn(move |cx| {
        loop {
            match ready!(events.poll_next_unpin(cx)) {
                Some(Err(error)) if streams && refuses_to_stream(&error) => {
                    streams = false;
                    events = watcher(api.clone(), config.clone()).boxed();
                }
                other => return Poll::Ready(other),
            }
        }
    })
}

/// "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled".
fn refuses_to_stream(error: &Error) -> bool {
    let (Error::InitialListFailed(error) | Error::WatchStartFailed(error)) = error else { return false };
    matches!(error, kube::Error::Api(status) if status.code == 422)
}

/// The kind is gone, or the right to see it: trying again at once is of no use.
fn is_lost(error: &Error) -> bool {
    super::served::refusal(error).is_some()
}

/// Watches the platforms themselves into `writer`'s store until the process ends.
pub async fn platforms(
    client: Client,
    namespace: Option<String>,
    writer: Writer<OrionPlatform>,
    triggers: UnboundedSender<Key>,
) {
    let api: Api<OrionPlatform> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let read = read(api, Config::default());
    let read = read.modify(|platform| platform.metadata.managed_fields = None);
    let events = reflector(writer, read).default_backoff();
    let mut touched = pin!(events);
    while let Some(event) = touched.next().await {
        match event {
            Ok(Event::InitApply(platform) | Event::Apply(platform) | Event::Delete(platform)) => {
                let _ = triggers.send(key_of(&platform));
            }
            Ok(Event::Init | Event::InitDone) => {}
            Err(error) => tracing::warn!(%error, "watch of platforms broke, starting it again"),
        }
    }
}

fn pruned(kind: &Kind, mut object: DynamicObject) -> Value {
    object.types = Some(kube::core::TypeMeta { api_version: kind.api_version(), kind: kind.kind.to_owned() });
    let watched = kind.kind == "Pod";
    object.metadata.managed_fields =
        object.metadata.managed_fields.take().filter(|_| !watched).map(|fields| {
            let own = |f: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
                matches!(f.manager.as_deref(), Some(MANAGER | HELPER))
                    && f.operation.as_deref() == Some("Apply")
            };
            fields.into_iter().filter(own).collect()
        });
    let mut value = serde_json::to_value(object).expect("an object read as JSON can be written as JSON");
    if watched {
        value["spec"] = json!({"nodeName": value["spec"]["nodeName"]});
    }
    // A stored revision is read when it is wanted: a history of them in memory would outweigh all else.
    if kind.role == Role::History {
        value["data"] = Value::Null;
    }
    value
}
