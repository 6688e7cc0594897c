//! What there is of a platform in the end, without what differs between any two installs: ids, times, passwords, and
//! the hashes made of them. Two platforms that got there by different ways are the same if this is.

use std::collections::BTreeMap;

use anyhow::Result;
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use operator::controller::kinds::{KINDS, Kind, Role};
use operator::plan::{CONFIG_HASH, SECRET_HASH};
use operator::rotation::TURN;
use serde_json::{Map, Value, json};

use crate::place::{PLATFORM, Place};

/// Kind and name, and what the object says.
#[derive(Clone, Debug, PartialEq)]
pub struct State(BTreeMap<String, Value>);

/// What there is now.
pub async fn of(place: &Place) -> Result<State> {
    let mut all = BTreeMap::new();
    // Pods come and go with what makes them, and are counted in its status.
    for kind in KINDS.iter().filter(|kind| kind.role != Role::Observed) {
        let api: Api<DynamicObject> =
            Api::namespaced_with(place.client.clone(), &place.namespace, &kind.resource());
        let listed = match api.list(&ListParams::default().labels(&kind.selector())).await {
            // Brought by something that isn't installed here.
            Err(kube::Error::Api(status)) if status.code == 404 && kind.is_optional() => continue,
            other => other?,
        };
        for object in listed {
            let object = normal(kind.kind, serde_json::to_value(&object)?, &place.namespace);
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            // Whatever has a hash for a name is one of several of its kind, and told apart by what it says.
            let number = object["revision"].as_i64().map(|n| format!(" {n}")).unwrap_or_default();
            all.insert(format!("{}/{name}{number}", kind.kind), object);
        }
    }
    if let Some(platform) = place.platforms.get_opt(PLATFORM).await? {
        let platform = normal("OrionPlatform", serde_json::to_value(&platform)?, &place.namespace);
        all.insert("OrionPlatform".to_owned(), platform);
    }
    Ok(State(all))
}

impl State {
    /// The kinds and names.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// The same without what tells of the way there: how often things were changed, what ran before, and what is kept
    /// for services that are off.
    pub fn without_history(&self) -> State {
        let stored = self.0.iter().filter(|(name, _)| name.starts_with("ControllerRevision/"));
        let newest =
            stored.max_by_key(|(_, object)| object["revision"].as_i64()).map(|(name, _)| name.clone());
        let kept = |name: &str| !name.starts_with("Secret/") && !name.starts_with("ControllerRevision/");
        let mut all = BTreeMap::new();
        for (name, object) in self.0.iter().filter(|(name, _)| kept(name) || newest.as_ref() == Some(*name)) {
            let mut object = object.clone();
            forget(
                &mut object,
                &["generation", "observedGeneration", "revision", "deployment.kubernetes.io/revision"],
            );
            all.insert(name.split(' ').next().unwrap_or(name).to_owned(), object);
        }
        State(all)
    }

    pub fn told(&self) -> String {
        serde_saphyr::to_string(&self.0).unwrap_or_default()
    }

    /// How this differs from what was expected; None if it doesn't.
    pub fn difference(&self, expected: &State) -> Option<String> {
        let keys = expected.0.keys().chain(self.0.keys());
        let mut lines: Vec<String> = keys
            .filter(|key| expected.0.get(*key) != self.0.get(*key))
            .map(|key| match (expected.0.get(key), self.0.get(key)) {
                (Some(_), None) => format!("{key} is missing"),
                (None, _) => format!("{key} should not be there"),
                (Some(expected), Some(there)) => differences(expected, there, key).join("\n"),
            })
            .collect();
        lines.sort();
        lines.dedup();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn differences(expected: &Value, there: &Value, path: &str) -> Vec<String> {
    match (expected, there) {
        (a, b) if a == b => Vec::new(),
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            let null = Value::Null;
            let each = |key: &&String| {
                let of = |map: &Map<String, Value>| map.get(*key).cloned().unwrap_or(null.clone());
                differences(&of(a), &of(b), &format!("{path}.{key}"))
            };
            keys.iter().flat_map(each).collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.flat_map(|(i, (a, b))| differences(a, b, &format!("{path}[{i}]"))).collect()
        }
        (a, b) => vec![format!("{path}: expected {a}, found {b}")],
    }
}

/// What names no one thing: ids and times, and numbers that only count writes.
const FORGOTTEN: &[&str] = &[
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "healthCheckNodePort",
    // Has the node's port in it.
    "url",
    "lastTransitionTime",
    "lastUpdateTime",
    "lastProbeTime",
    "startTime",
    "completionTime",
    "since",
    "lastRotation",
    "volumeName",
    "selfLink",
];

/// Written by Kubernetes' controllers, when they come to it.
fn is_bookkeeping(key: &str) -> bool {
    key.ends_with("controller-uid")
        || key.starts_with("volume.kubernetes.io/")
        || key.starts_with("volume.beta.kubernetes.io/")
        || key.starts_with("pv.kubernetes.io/")
}

fn normal(kind: &str, mut object: Value, namespace: &str) -> Value {
    if kind == "Secret" {
        let keys = object["data"].as_object().into_iter().flatten();
        object["data"] = keys.map(|(key, _)| (key.clone(), json!("…"))).collect::<Map<_, _>>().into();
    }
    if kind == "ControllerRevision" {
        object["data"] = match operator::revision::decode(&object["data"]) {
            Ok(revision) => serde_json::to_value(revision).unwrap_or_default(),
            Err(damaged) => json!(damaged.to_string()),
        };
    }
    // Of a workload's status only what the operator goes by; the rest is its controller's, on its way.
    if Kind::named(kind).is_some_and(|kind| kind.role == Role::Workload) {
        let ready = operator::controller::readiness::of(&with_kind(kind, &object), None);
        object["status"] = json!({"ready": ready.ready, "settled": ready.settled});
    } else if kind != "OrionPlatform" {
        object["status"] = Value::Null;
    }
    clean(&mut object, namespace);
    object
}

fn forget(value: &mut Value, keys: &[&str]) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !keys.contains(&key.as_str()));
            map.values_mut().for_each(|value| forget(value, keys));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| forget(item, keys)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn with_kind(kind: &str, object: &Value) -> Value {
    let mut object = object.clone();
    object["kind"] = json!(kind);
    object
}

fn clean(value: &mut Value, namespace: &str) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !FORGOTTEN.contains(&key.as_str()) && !is_bookkeeping(key));
            for (key, value) in map.iter_mut() {
                match key.as_str() {
                    CONFIG_HASH | SECRET_HASH => *value = json!("HASH"),
                    TURN => *value = without_time(value),
                    _ => clean(value, namespace),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, namespace)),
        Value::String(text) => *text = without_hashes(&text.replace(namespace, "NAMESPACE")),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The turn of accounts, whenever it came.
fn without_time(turn: &Value) -> Value {
    let mut turn: Value = turn.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    forget(&mut turn, &["rotated"]);
    turn
}

/// Eight hexadecimal digits in a row are a hash of something.
pub(super) fn without_hashes(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        out.push_str(&rest[..start]);
        let word_end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |end| start + end);
        let word = &rest[start..word_end];
        let hash = word.len() == 8 && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        out.push_str(if hash { "HASH" } else { word });
        rest = &rest[word_end..];
    }
    out + rest
}
