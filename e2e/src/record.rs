//! What happened in a namespace, in the order in which it happened.
//!
//! Every change gets a resource version, and those of one cluster are counted across all kinds: the order of two
//! events is a fact, not a matter of clocks.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result};
use futures::TryStreamExt;
use kube::api::{DynamicObject, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, ResourceExt};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::place::{PLATFORM, Place};

/// Group, version and kind of everything that a platform consists of.
const KINDS: &[(&str, &str, &str)] = &[
    ("", "v1", "ConfigMap"),
    ("", "v1", "PersistentVolumeClaim"),
    ("", "v1", "Pod"),
    ("", "v1", "Secret"),
    ("", "v1", "Service"),
    ("", "v1", "ServiceAccount"),
    ("apps", "v1", "Deployment"),
    ("apps", "v1", "ReplicaSet"),
    ("apps", "v1", "StatefulSet"),
    ("batch", "v1", "Job"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
    ("policy", "v1", "PodDisruptionBudget"),
    ("orion.dev", "v1alpha1", "OrionPlatform"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Seen {
    pub version: u64,
    /// When this process learned of it. For figures; order is the version's matter.
    pub at: Instant,
    pub change: Change,
    pub kind: String,
    pub name: String,
    /// The part of the platform that it belongs to.
    pub unit: String,
    pub object: Value,
}

/// Watches until it is dropped.
pub struct Recorder {
    seen: Arc<Mutex<Vec<Seen>>>,
    watches: Vec<JoinHandle<()>>,
}

impl Recorder {
    /// Misses nothing from now on; what is there already is not in the record until it changes.
    pub async fn start(place: &Place) -> Result<Recorder> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut watches = Vec::new();
        for (group, version, kind) in KINDS {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
            let api =
                Api::<DynamicObject>::namespaced_with(place.client.clone(), &place.namespace, &resource);
            let mut from = api.list(&Default::default()).await?.metadata.resource_version.unwrap_or_default();
            let (seen, kind) = (Arc::clone(&seen), (*kind).to_owned());
            watches.push(tokio::spawn(async move {
                loop {
                    // Ends when the server ends it; goes on where it was.
                    if watch(&api, &kind, &mut from, &seen).await.is_err() {
                        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                    }
                }
            }));
        }
        Ok(Recorder { seen, watches })
    }

    /// All changes so far of the platform's objects, in order.
    pub fn seen(&self) -> Vec<Seen> {
        let mut all = self.seen.lock().map(|seen| seen.clone()).unwrap_or_default();
        all.sort_by_key(|seen| seen.version);
        all
    }

    /// Whether there was such a change, of those after the first `skipped`.
    pub fn has(&self, skipped: usize, wanted: impl Fn(&Seen) -> bool) -> bool {
        self.seen.lock().is_ok_and(|seen| seen.iter().skip(skipped).any(wanted))
    }

    /// How many changes there were so far.
    pub fn count(&self) -> usize {
        self.seen.lock().map_or(0, |seen| seen.len())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.watches.iter().for_each(JoinHandle::abort);
    }
}

async fn watch(
    api: &Api<DynamicObject>,
    kind: &str,
    from: &mut String,
    seen: &Mutex<Vec<Seen>>,
) -> Result<()> {
    let parameters = WatchParams::default().timeout(240);
    let mut events = Box::pin(api.watch(&parameters, from).await?);
    while let Some(event) = events.try_next().await? {
        let (change, object) = match event {
            WatchEvent::Added(object) => (Change::Added, object),
            WatchEvent::Modified(object) => (Change::Modified, object),
            WatchEvent::Deleted(object) => (Change::Deleted, object),
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(error) => return Err(kube::Error::Api(error)).context("watch"),
        };
        *from = object.resource_version().unwrap_or_default();
        let label = |key: &str| object.labels().get(key).cloned().unwrap_or_default();
        if kind != "OrionPlatform" && label("app.kubernetes.io/instance") != PLATFORM {
            continue;
        }
        let entry = Seen {
            version: from.parse().context("a resource version is a number")?,
            at: Instant::now(),
            change,
            kind: kind.to_owned(),
            name: object.name_any(),
            unit: label("app.kubernetes.io/name"),
            object: serde_json::to_value(&object)?,
        };
        if let Ok(mut seen) = seen.lock() {
            seen.push(entry);
        }
    }
    Ok(())
}

impl Seen {
    /// Whether this is a pod that serves, or a Job's that has done its work: one of those is called ready while it runs.
    pub fn is_ready_pod(&self) -> bool {
        let conditions = self.object["status"]["conditions"].as_array();
        let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
        let of_a_job = self.object["metadata"]["labels"]["batch.kubernetes.io/job-name"].is_string();
        let is = match of_a_job {
            true => self.object["status"]["phase"] == "Succeeded",
            false => conditions.is_some_and(|all| all.iter().any(ready)),
        };
        self.kind == "Pod" && is
    }

    /// Whether this is what runs a unit's pods.
    pub fn is_workload(&self) -> bool {
        matches!(self.kind.as_str(), "Deployment" | "StatefulSet" | "Job")
    }

    pub fn is_being_deleted(&self) -> bool {
        self.change == Change::Deleted || !self.object["metadata"]["deletionTimestamp"].is_null()
    }

    pub fn uid(&self) -> &str {
        self.object["metadata"]["uid"].as_str().unwrap_or_default()
    }
}
