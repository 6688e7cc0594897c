//! The cluster's objects of every platform, kept by the watches: what a reconcile reads instead of asking.
//!
//! Only labelled objects get here, already pruned. They are kept by platform, so that a reconcile sees its own without
//! looking through everybody's.

use super::served::Served;
pub use crate::plan::{INSTANCE_LABEL as INSTANCE, NAME_LABEL as UNIT, TIER_LABEL as TIER};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

/// Namespace and name of a platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub namespace: String,
    pub name: String,
}

/// The objects of one platform by kind and name.
pub type Children = BTreeMap<(&'static str, String), Arc<Value>>;

#[derive(Default)]
pub struct Cache {
    platforms: RwLock<HashMap<Key, Children>>,
    /// Which kinds were read, and which the cluster doesn't have.
    pub served: Served,
}

impl Cache {
    /// Whether every kind that the cluster has was read once. Before that, what is missing here may well exist.
    pub fn complete(&self) -> bool {
        self.served.complete()
    }

    /// Everything of one platform, as it is now.
    pub fn children(&self, key: &Key) -> Children {
        self.platforms.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned().unwrap_or_default()
    }

    /// Every object of a kind, with its platform.
    pub fn all(&self, kind: &str) -> Vec<(Key, Arc<Value>)> {
        let platforms = self.platforms.read().unwrap_or_else(PoisonError::into_inner);
        let of_kind = |(key, children): (&Key, &Children)| {
            let objects = children.iter().filter(|((other, _), _)| *other == kind);
            objects.map(|(_, object)| (key.clone(), object.clone())).collect::<Vec<_>>()
        };
        platforms.iter().flat_map(of_kind).collect()
    }

    /// Keeps an object and tells whose it is. `object` must have a namespace.
    pub fn put(&self, kind: &'static str, object: Value) -> Vec<Key> {
        // One lock for both steps: a reconcile in between would take the object for gone.
        let mut platforms = self.platforms.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have labelled it as another platform's, or as nobody's: then the old one misses it.
        let mut touched = forget(&mut platforms, kind, &object);
        if let Some(key) = owner(&object) {
            let name = name(&object).to_owned();
            platforms.entry(key.clone()).or_default().insert((kind, name), Arc::new(object));
            touched.retain(|other| *other != key);
            touched.push(key);
        }
        touched
    }

    /// Forgets an object, whatever its labels say now; tells whose it was.
    pub fn remove(&self, kind: &'static str, object: &Value) -> Vec<Key> {
        forget(&mut self.platforms.write().unwrap_or_else(PoisonError::into_inner), kind, object)
    }

    /// Replaces all objects of a kind after it was read anew; tells the platforms that lost or had one.
    pub fn replace(&self, kind: &'static str, objects: Vec<Value>) -> Vec<Key> {
        let mut touched: Vec<Key> = Vec::new();
        let mut platforms = self.platforms.write().unwrap_or_else(PoisonError::into_inner);
        for (key, children) in platforms.iter_mut() {
            let before = children.len();
            children.retain(|(other, _), _| *other != kind);
            if children.len() != before {
                touched.push(key.clone());
            }
        }
        for object in objects {
            let Some(key) = owner(&object) else { continue };
            let name = name(&object).to_owned();
            platforms.entry(key.clone()).or_default().insert((kind, name), Arc::new(object));
            touched.push(key);
        }
        platforms.retain(|_, children| !children.is_empty());
        touched.sort();
        touched.dedup();
        touched
    }
}

fn forget(platforms: &mut HashMap<Key, Children>, kind: &'static str, object: &Value) -> Vec<Key> {
    let (namespace, id) = (object["metadata"]["namespace"].as_str(), (kind, name(object).to_owned()));
    let mut touched = Vec::new();
    for (key, children) in platforms.iter_mut().filter(|(key, _)| Some(key.namespace.as_str()) == namespace) {
        if children.remove(&id).is_some() {
            touched.push(key.clone());
        }
    }
    platforms.retain(|_, children| !children.is_empty());
    touched
}

pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

pub fn label<'a>(object: &'a Value, label: &str) -> Option<&'a str> {
    object["metadata"]["labels"][label].as_str()
}

/// The platform that an object belongs to by its labels.
pub fn owner(object: &Value) -> Option<Key> {
    let namespace = object["metadata"]["namespace"].as_str()?.to_owned();
    Some(Key { namespace, name: label(object, INSTANCE)?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(instance: Option<&str>) -> Value {
        json!({"metadata": {"namespace": "shop", "name": "orion-auth-0", "labels": {INSTANCE: instance}}})
    }

    #[test]
    fn an_object_that_lost_its_label_is_forgotten_and_its_platform_told() {
        let (cache, orion) = (Cache::default(), Key { namespace: "shop".into(), name: "orion".into() });
        assert_eq!(cache.put("Pod", pod(Some("orion"))), std::slice::from_ref(&orion));
        assert_eq!(cache.children(&orion).len(), 1);
        assert_eq!(cache.put("Pod", pod(None)), std::slice::from_ref(&orion));
        assert!(cache.children(&orion).is_empty());
    }

    #[test]
    fn an_object_that_changes_hands_is_told_to_both_platforms() {
        let of = |name: &str| Key { namespace: "shop".into(), name: name.into() };
        let cache = Cache::default();
        cache.put("Pod", pod(Some("orion")));
        assert_eq!(cache.put("Pod", pod(Some("other"))), [of("orion"), of("other")]);
        assert!(cache.children(&of("orion")).is_empty());
        assert_eq!(cache.children(&of("other")).len(), 1);
    }
}
