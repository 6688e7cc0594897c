//! The revisions that are kept: as objects in the cluster, numbered in the order in which they were last wanted.

use super::Revision;
use super::codec::{Damaged, data_of};
use crate::api::Mode;
use crate::controller::cache::{Children, Key, label, name};
use crate::plan::{INSTANCE_LABEL, MANAGED_BY_LABEL, MANAGER, NAME_LABEL};
use catalog::Store;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// On each stored revision: its hash. Other ControllerRevisions (a StatefulSet's) don't have it.
pub const HASH_LABEL: &str = "orion.dev/revision";
/// What a person wants to know without unpacking it.
pub const PLATFORM_VERSION: &str = "orion.dev/version";
pub const OPERATOR_VERSION: &str = "orion.dev/operator-version";

/// Who runs each store, as in "postgres=managed,redis=external".
const STORES: &str = "orion.dev/stores";

/// A stored revision as the caches know it: all but its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub hash: String,
    /// The higher, the later it was wanted.
    pub number: i64,
    pub version: String,
}

/// Oldest first.
pub fn entries(children: &Children) -> Vec<Entry> {
    let stored = children.iter().filter(|((kind, _), _)| *kind == "ControllerRevision");
    let mut entries: Vec<Entry> = stored
        .filter(|(_, object)| object["metadata"]["deletionTimestamp"].is_null())
        .filter_map(|(_, object)| {
            Some(Entry {
                hash: label(object, HASH_LABEL)?.to_owned(),
                number: object["revision"].as_i64().unwrap_or(0),
                version: annotation(object, PLATFORM_VERSION),
            })
        })
        .collect();
    entries.sort_by(|a, b| (a.number, &a.hash).cmp(&(b.number, &b.hash)));
    entries
}

fn annotation(object: &Value, name: &str) -> String {
    object["metadata"]["annotations"][name].as_str().unwrap_or_default().to_owned()
}

/// Who runs each store by what was applied last. A revision that doesn't say was stored by an older operator: then the
/// stores that are there are known.
pub fn newest_stores(children: &Children) -> BTreeMap<String, Mode> {
    let newest = entries(children).pop().map(|entry| entry.hash);
    let stored = children.iter().filter(|((kind, _), _)| *kind == "ControllerRevision").map(|(_, o)| o);
    let stored = stored.into_iter().find(|o| label(o, HASH_LABEL).map(str::to_owned) == newest);
    let Some(stored) = stored.filter(|_| newest.is_some()) else { return BTreeMap::new() };
    let told = annotation(stored, STORES);
    if !told.is_empty() {
        let modes = told.split(',').filter_map(|one| one.split_once('='));
        return modes.filter_map(|(store, mode)| Some((store.to_owned(), Mode::named(mode)?))).collect();
    }
    let running = children.iter().filter(|((kind, _), _)| *kind == "StatefulSet");
    running.filter_map(|(_, set)| Some((label(set, NAME_LABEL)?.to_owned(), Mode::Managed))).collect()
}

fn stores_of(revision: &Revision) -> String {
    let mode = |store: Store| revision.spec.store(store).map_or(Mode::Managed, |spec| spec.mode()).word();
    let all: Vec<String> =
        catalog::STORES.iter().map(|entry| format!("{}={}", entry.name, mode(entry.store))).collect();
    all.join(",")
}

pub fn object_name(platform: &str, hash: &str) -> String {
    catalog::object_name(platform, &format!("revision-{hash}"))
}

/// The object that stores a revision.
pub fn object(platform: &Key, revision: &Revision, number: i64) -> Result<Value, Damaged> {
    let hash = revision.hash();
    Ok(json!({
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": object_name(&platform.name, &hash),
            "namespace": platform.namespace,
            "labels": {
                MANAGED_BY_LABEL: MANAGER,
                INSTANCE_LABEL: platform.name,
                "app.kubernetes.io/part-of": "orion",
                HASH_LABEL: hash,
            },
            "annotations": {
                PLATFORM_VERSION: revision.version,
                OPERATOR_VERSION: revision.operator,
                STORES: stores_of(revision),
            },
        },
        "data": data_of(revision)?,
        "revision": number,
    }))
}

/// The objects of the revisions that need not be kept: all but the newest `limit` and those that are named.
pub fn surplus<'a>(children: &'a Children, limit: usize, keep: &[String]) -> Vec<&'a Value> {
    let all = entries(children);
    let old = &all[..all.len().saturating_sub(limit)];
    let old: Vec<&str> =
        old.iter().map(|e| e.hash.as_str()).filter(|hash| !keep.iter().any(|k| k == hash)).collect();
    let stored = children.iter().filter(|((kind, _), _)| *kind == "ControllerRevision");
    let mut surplus: Vec<&Value> = stored
        .filter(|(_, object)| label(object, HASH_LABEL).is_some_and(|hash| old.contains(&hash)))
        .map(|(_, object)| object.as_ref())
        .collect();
    surplus.sort_by_key(|object| name(object).to_owned());
    surplus
}
