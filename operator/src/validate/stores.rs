//! What only a look at the cluster can tell of a spec's stores: that data would stay behind, that a volume would have to
//! shrink, that a program can't read what another one wrote. Pure: it sees the platform and its objects.
//!
//! A spec that is refused here changes nothing: what was applied last goes on running, and is healed.

use super::{Invalid, major};
use crate::api::{Managed, Mode, OrionPlatform, default_image};
use crate::controller::cache::Children;
use crate::controller::volumes::{STORE_VERSION, size};
use crate::plan::quantity::milli;
use crate::revision::newest_stores;
use catalog::{STORES, Store, StoreEntry, object_name};
use kube::ResourceExt;
use serde_json::Value;

/// Lets a store be moved between managed and external: its value names the store, or several with commas.
pub const ALLOW_STORE_CHANGE: &str = "orion.dev/allow-store-change";

/// Every reason at once.
pub fn refused(platform: &OrionPlatform, children: &Children) -> Vec<Invalid> {
    STORES.iter().flat_map(|entry| refused_of(platform, children, entry)).collect()
}

fn refused_of(platform: &OrionPlatform, children: &Children, entry: &StoreEntry) -> Vec<Invalid> {
    let spec = platform.spec.store(entry.store);
    let moved = moved(platform, children, entry);
    let mode = spec.map_or(Mode::Managed, |s| s.mode());
    let live = |kind: &'static str, name: String| children.get(&(kind, name)).map(AsRef::as_ref);
    let name = object_name(&platform.name_any(), entry.name);
    let default = Managed::default();
    let of_mode: Vec<Invalid> = match (mode, spec.and_then(|s| s.replicated())) {
        (Mode::External, _) => Vec::new(),
        (Mode::Sentinel, Some(given)) => {
            let claims =
                (0..given.instances).map(|n| live("PersistentVolumeClaim", format!("data-{name}-{n}")));
            let on_claim = claims.flatten().flat_map(|claim| {
                let shrunk = shrunk(entry, mode, given.storage.as_deref(), claim);
                [shrunk, reclassed(entry, mode, given.storage_class.as_deref(), claim)]
            });
            // All have the same size and class: one of them says it.
            on_claim.flatten().take(1).collect()
        }
        (_, Some(given)) => {
            let kind = if mode == Mode::CloudNativePg { "Cluster" } else { "RabbitmqCluster" };
            let there = live(kind, name);
            there.and_then(|there| shrunk(entry, mode, given.storage.as_deref(), there)).into_iter().collect()
        }
        (_, None) => {
            let managed = spec.and_then(|s| s.managed.as_ref()).unwrap_or(&default);
            let claim = live("PersistentVolumeClaim", format!("{name}-data"));
            let on_claim = claim.into_iter().flat_map(|claim| {
                let shrunk = shrunk(entry, mode, managed.storage.as_deref(), claim);
                [
                    shrunk,
                    reclassed(entry, mode, managed.storage_class.as_deref(), claim),
                    overhauled(entry, managed, claim),
                ]
            });
            on_claim.flatten().collect()
        }
    };
    moved.into_iter().chain(of_mode).collect()
}

/// The services would find an empty store, and what they had written would stay where it is.
fn moved(platform: &OrionPlatform, children: &Children, entry: &StoreEntry) -> Option<Invalid> {
    let was = newest_stores(children).get(entry.name).copied()?;
    let wanted = platform.spec.store(entry.store).map_or(Mode::Managed, |spec| spec.mode());
    let annotation = platform.annotations().get(ALLOW_STORE_CHANGE);
    let allowed = annotation.is_some_and(|stores| stores.split(',').any(|name| name.trim() == entry.name));
    // Both are one StatefulSet under one name, and neither can become the other.
    let rebuilt = was.is_own() && wanted.is_own();
    if was == wanted || (allowed && !rebuilt) {
        return None;
    }
    let (was, wanted) = (was.word(), wanted.word());
    if rebuilt {
        return Some(Invalid {
            field: format!("spec.{}.{wanted}", entry.name),
            message: format!(
                "{0} is {was}, and its pods can't become those of {0}.{wanted}: put back {was}, or create another \
                 platform with {0}.{wanted} and restore a backup of this one there",
                entry.name
            ),
        });
    }
    Some(Invalid {
        field: format!("spec.{}.{wanted}", entry.name),
        message: format!(
            "{0} is {was}, and its data does not follow it to {wanted}: put back {was}, or move the data, then allow \
             it with the annotation {ALLOW_STORE_CHANGE}: {0} (a volume is kept either way)",
            entry.name
        ),
    })
}

/// Only what is written: a volume that a former platform left may be larger than the default.
fn shrunk(entry: &StoreEntry, mode: Mode, wanted: Option<&str>, there: &Value) -> Option<Invalid> {
    let (wanted, size) = (wanted?, size(there)?);
    let what = match mode {
        Mode::Managed | Mode::Sentinel => "volume claim",
        _ => there["kind"].as_str().unwrap_or_default(),
    };
    (milli(wanted)? < milli(size)?).then(|| Invalid {
        field: format!("spec.{}.{}.storage", entry.name, mode.word()),
        message: format!(
            "{wanted} is less than the {size} of {what} {}, and a volume only grows: write at least {size}, or leave \
             it out",
            there["metadata"]["name"].as_str().unwrap_or_default()
        ),
    })
}

fn reclassed(entry: &StoreEntry, mode: Mode, wanted: Option<&str>, claim: &Value) -> Option<Invalid> {
    let (wanted, there) = (wanted?, claim["spec"]["storageClassName"].as_str()?);
    (wanted != there).then(|| Invalid {
        field: format!("spec.{}.{}.storageClass", entry.name, mode.word()),
        message: format!(
            "volume claim {} has the class {there}, and a volume keeps its class: write {there} or leave it out; for \
             {wanted} create another platform and move the data there",
            claim["metadata"]["name"].as_str().unwrap_or_default()
        ),
    })
}

fn overhauled(entry: &StoreEntry, managed: &Managed, claim: &Value) -> Option<Invalid> {
    let image = managed.image.as_deref().unwrap_or(default_image(entry.store));
    let wanted = major::of(entry.store, image)?;
    let there: u32 = claim["metadata"]["annotations"][STORE_VERSION].as_str()?.parse().ok()?;
    let (program, way) = match entry.store {
        Store::Postgres => ("PostgreSQL", "dump the databases and restore them into another platform"),
        Store::Rabbitmq => (
            "RabbitMQ",
            "let the queues run empty and give it a fresh volume (docs/stores.md), or create another platform",
        ),
        Store::Redis => return None,
    };
    (wanted != there).then(|| Invalid {
        field: format!("spec.{}.managed.image", entry.name),
        message: format!(
            "{image} has {program} {wanted}, and what is on volume claim {} was written by {program} {there}: write \
             an image of {there}; to go to {wanted}, {way}",
            claim["metadata"]["name"].as_str().unwrap_or_default()
        ),
    })
}
