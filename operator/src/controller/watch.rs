//! One watch a kind: fills the cache and says whose platform is to be looked at.
//!
//! Each kind is listed once at the start and watched from there on. What is not needed is dropped before it is kept:
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
use futures::StreamExt;
use kube::api::DynamicObject;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::runtime::{WatchStreamExt, reflector};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

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
    let mut events = pin!(watcher(api, Config::default().labels(&kind.selector())).default_backoff());
    let mut fresh = Vec::new();
    while let Some(event) = events.next().await {
        let touched: Vec<Key> = match event {
            Ok(Event::Init) => {
                fresh.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                fresh.push(pruned(kind, object));
                Vec::new()
            }
            Ok(Event::InitDone) => {
                let touched = cache.replace(kind.kind, std::mem::take(&mut fresh));
                cache.served.set(kind, State::Read);
                touched
            }
            Ok(Event::Apply(object)) => cache.put(kind.kind, pruned(kind, object)),
            Ok(Event::Delete(object)) => cache.remove(kind.kind, &pruned(kind, object)),
            Err(error) if kind.is_optional() && is_lost(&error) => {
                let touched = cache.replace(kind.kind, Vec::new());
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
    let events = reflector(writer, watcher(api, Config::default())).default_backoff();
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
