//! The cluster's objects of every platform, kept by the watches: what a reconcile reads instead of asking.
//!
//! Only labelled objects get here, already pruned. They are kept by platform, so that a reconcile sees its own without
//! looking through everybody's, and packed: each as its difference from one that stands for its kind and unit.

use super::packed::Packed;
use super::probe;
use super::served::Served;
pub use crate::plan::{INSTANCE_LABEL as INSTANCE, NAME_LABEL as UNIT, TIER_LABEL as TIER};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Namespace and name of a platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub namespace: String,
    pub name: String,
}

/// The objects of one platform by kind and name.
pub type Children = BTreeMap<(&'static str, String), Arc<Value>>;

/// References are kept for as many kinds and units as that. There are fewer, unless somebody makes up labels.
const REFERENCES: usize = 1024;

#[derive(Default)]
pub struct Cache {
    objects: RwLock<Objects>,
    /// Which kinds were read, and which the cluster doesn't have.
    pub served: Served,
}

#[derive(Default)]
struct Objects {
    /// By namespace, then by name.
    platforms: BTreeMap<String, BTreeMap<String, Platform>>,
    /// What others of the kind and unit are like.
    references: HashMap<(&'static str, String), Arc<[u8]>>,
    /// Grows with everything that happens.
    clock: u64,
}

#[derive(Default)]
struct Platform {
    children: BTreeMap<(&'static str, Box<str>), Kept>,
    /// When something of it changed last.
    changed: u64,
}

struct Kept {
    object: Arc<Packed>,
    /// In which reading of the kind it was seen last.
    reading: u32,
    /// Where a service that is ready is asked how it is.
    target: Option<Box<probe::Target>>,
}

impl Cache {
    /// Whether every kind that the cluster has was read once. Before that, what is missing here may well exist.
    pub fn complete(&self) -> bool {
        self.served.complete()
    }

    /// Everything of one platform, as it is now.
    pub fn children(&self, key: &Key) -> Children {
        let packed: Vec<_> = {
            let objects = self.read();
            let Some(platform) = objects.platform(key) else { return Children::new() };
            let packed = |((kind, name), kept): (&(&'static str, Box<str>), &Kept)| {
                ((*kind, name.to_string()), kept.object.clone())
            };
            platform.children.iter().map(packed).collect()
        };
        packed.into_iter().map(|(id, object)| (id, Arc::new(value(&object)))).collect()
    }

    /// Changes whenever something of the platform does.
    pub fn changed(&self, key: &Key) -> u64 {
        self.read().platform(key).map_or(0, |platform| platform.changed)
    }

    /// Something of the platform is not as it was that is not an object.
    pub fn touch(&self, key: &Key) {
        let mut objects = self.write();
        let changed = objects.tick();
        let platforms = objects.platforms.get_mut(&key.namespace);
        if let Some(platform) = platforms.and_then(|platforms| platforms.get_mut(&key.name)) {
            platform.changed = changed;
        }
    }

    /// Where services that are ready are asked how they are: every address, with its platform and unit.
    pub fn targets(&self) -> Vec<(Key, probe::Target)> {
        let objects = self.read();
        let platforms = objects.platforms.iter().flat_map(|(namespace, platforms)| {
            platforms.iter().map(move |(name, platform)| (namespace, name, platform))
        });
        let of_platform = |(namespace, name, platform): (&String, &String, &Platform)| {
            let pods = platform.children.values().filter_map(|kept| kept.target.as_deref());
            let key = Key { namespace: namespace.clone(), name: name.clone() };
            pods.map(|target| (key.clone(), target.clone())).collect::<Vec<_>>()
        };
        platforms.flat_map(of_platform).collect()
    }

    /// Keeps an object and tells whose it is. `object` must have a namespace. `reading` counts how often the kind was
    /// read from the start.
    pub fn put(&self, kind: &'static str, object: &Value, reading: u32) -> Vec<Key> {
        let text = object.to_string().into_bytes();
        let target = if kind == "Pod" { probe::target(object).map(Box::new) } else { None };
        // One lock for both steps: a reconcile in between would take the object for gone.
        let mut objects = self.write();
        // Somebody may have labelled it as another platform's, or as nobody's: then the old one misses it.
        let mut touched = objects.forget(kind, object);
        if let Some(key) = owner(object) {
            let packed = objects.pack(kind, label(object, UNIT).unwrap_or_default(), &text);
            let kept = Kept { object: Arc::new(packed), reading, target };
            let changed = objects.tick();
            let platforms = objects.platforms.entry(key.namespace.clone()).or_default();
            let platform = platforms.entry(key.name.clone()).or_default();
            platform.children.insert((kind, name(object).into()), kept);
            platform.changed = changed;
            touched.retain(|other| *other != key);
            touched.push(key);
        }
        touched
    }

    /// Forgets an object, whatever its labels say now; tells whose it was.
    pub fn remove(&self, kind: &'static str, object: &Value) -> Vec<Key> {
        self.write().forget(kind, object)
    }

    /// Forgets what of a kind was not seen in this reading, now that it is over; tells the platforms that lost one.
    pub fn finish(&self, kind: &'static str, reading: u32) -> Vec<Key> {
        let mut touched = Vec::new();
        let mut objects = self.write();
        let changed = objects.tick();
        for (namespace, platforms) in &mut objects.platforms {
            for (name, platform) in platforms.iter_mut() {
                let before = platform.children.len();
                platform.children.retain(|(other, _), kept| *other != kind || kept.reading == reading);
                if platform.children.len() != before {
                    platform.changed = changed;
                    touched.push(Key { namespace: namespace.clone(), name: name.clone() });
                }
            }
            platforms.retain(|_, platform| !platform.children.is_empty());
        }
        objects.platforms.retain(|_, platforms| !platforms.is_empty());
        touched
    }

    fn read(&self) -> RwLockReadGuard<'_, Objects> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Objects> {
        self.objects.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Objects {
    fn platform(&self, key: &Key) -> Option<&Platform> {
        self.platforms.get(&key.namespace)?.get(&key.name)
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn pack(&mut self, kind: &'static str, unit: &str, text: &[u8]) -> Packed {
        let id = (kind, unit.to_owned());
        let Some(reference) = self.references.get(&id).cloned() else {
            if self.references.len() >= REFERENCES {
                return Packed::alone(text);
            }
            let whole: Arc<[u8]> = text.into();
            self.references.insert(id, whole.clone());
            return Packed::whole(whole);
        };
        let packed = Packed::new(text, reference.clone());
        // A pod says little before it runs. Only what says more may stand for the others, so it can't go back and forth.
        if packed.size() > text.len() / 3 && text.len() > reference.len() {
            let whole: Arc<[u8]> = text.into();
            self.references.insert(id, whole.clone());
            return Packed::whole(whole);
        }
        packed
    }

    fn forget(&mut self, kind: &'static str, object: &Value) -> Vec<Key> {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let (id, changed) = ((kind, Box::from(name(object))), self.tick());
        let Some(platforms) = self.platforms.get_mut(namespace) else { return Vec::new() };
        let mut touched = Vec::new();
        for (name, platform) in platforms.iter_mut() {
            if platform.children.remove(&id).is_some() {
                platform.changed = changed;
                touched.push(Key { namespace: namespace.to_owned(), name: name.clone() });
            }
        }
        for key in &touched {
            if platforms.get(&key.name).is_some_and(|platform| platform.children.is_empty()) {
                platforms.remove(&key.name);
            }
        }
        touched
    }
}

fn value(object: &Packed) -> Value {
    serde_json::from_slice(&object.text()).expect("what was packed as JSON is JSON")
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
        assert_eq!(cache.put("Pod", &pod(Some("orion")), 1), std::slice::from_ref(&orion));
        assert_eq!(cache.children(&orion).len(), 1);
        assert_eq!(cache.put("Pod", &pod(None), 1), std::slice::from_ref(&orion));
        assert!(cache.children(&orion).is_empty());
    }

    #[test]
    fn an_object_that_changes_hands_is_told_to_both_platforms() {
        let of = |name: &str| Key { namespace: "shop".into(), name: name.into() };
        let cache = Cache::default();
        cache.put("Pod", &pod(Some("orion")), 1);
        assert_eq!(cache.put("Pod", &pod(Some("other")), 1), [of("orion"), of("other")]);
        assert!(cache.children(&of("orion")).is_empty());
        assert_eq!(cache.children(&of("other")).len(), 1);
    }

    #[test]
    fn what_a_new_reading_does_not_bring_is_forgotten() {
        let of = |name: &str| Key { namespace: "shop".into(), name: name.into() };
        let cache = Cache::default();
        cache.put("Pod", &pod(Some("orion")), 1);
        cache.put("Service", &pod(Some("orion")), 1);
        assert!(cache.finish("Pod", 1).is_empty());
        assert_eq!(cache.finish("Pod", 2), [of("orion")]);
        assert_eq!(
            cache.children(&of("orion")).keys().map(|(kind, _)| *kind).collect::<Vec<_>>(),
            ["Service"]
        );
    }

    #[test]
    fn a_thousand_platforms_take_little_more_than_what_tells_them_apart() {
        let cache = Cache::default();
        let platform = |n: u32| {
            let (name, text) = (format!("orion-{n}"), "the same for all ".repeat(100));
            json!({
                "metadata": {"namespace": "shop", "name": name, "labels": {INSTANCE: name, UNIT: "auth"}},
                "text": text,
            })
        };
        for n in 0..1000 {
            cache.put("ConfigMap", &platform(n), 1);
        }
        let of = |n: u32| Key { namespace: "shop".into(), name: format!("orion-{n}") };
        assert!((0..1000).all(|n| cache.children(&of(n)).values().all(|object| **object == platform(n))));
        let objects = cache.read();
        let sizes = objects.platforms["shop"].values().flat_map(|p| p.children.values());
        let bytes: usize = sizes.map(|kept| kept.object.size()).sum();
        assert!(bytes < 60_000, "{bytes} bytes");
    }
}
