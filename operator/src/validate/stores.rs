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
    let of_stores = STORES.iter().flat_map(|entry| refused_of(platform, children, entry));
    of_stores.chain(for_backups(platform, children)).collect()
}

/// The volume that the operator makes for backups keeps what stores' volumes keep.
fn for_backups(platform: &OrionPlatform, children: &Children) -> Vec<Invalid> {
    const FIELD: &str = "spec.backup.to.volume";
    let volume = platform.spec.backup.as_ref().and_then(|backup| backup.to.volume.as_ref());
    let Some(volume) = volume.filter(|volume| volume.claim_name.is_none()) else { return Vec::new() };
    let claim = object_name(&platform.name_any(), "backup-data");
    let Some(claim) = children.get(&("PersistentVolumeClaim", claim)) else { return Vec::new() };
    let shrunk = shrunk(FIELD, "volume claim", volume.storage.as_deref(), claim);
    let way = |class: &str| {
        format!(
            "for {class} make a claim of your own and write its name as claimName; older backups stay where they are"
        )
    };
    let reclassed = reclassed(FIELD, volume.storage_class.as_deref(), claim, way);
    shrunk.into_iter().chain(reclassed).collect()
}

fn refused_of(platform: &OrionPlatform, children: &Children, entry: &StoreEntry) -> Vec<Invalid> {
    let spec = platform.spec.store(entry.store);
    let moved = moved(platform, children, entry);
    let mode = spec.map_or(Mode::Managed, |s| s.mode());
    let live = |kind: &'static str, name: String| children.get(&(kind, name)).map(AsRef::as_ref);
    let name = object_name(&platform.name_any(), entry.name);
    let field = format!("spec.{}.{}", entry.name, mode.word());
    let another = |class: &str| format!("for {class} create another platform and move the data there");
    let default = Managed::default();
    let of_mode: Vec<Invalid> = match (mode, spec.and_then(|s| s.replicated())) {
        (Mode::External, _) => Vec::new(),
        (Mode::Sentinel, Some(given)) => {
            let claims =
                (0..given.instances).map(|n| live("PersistentVolumeClaim", format!("data-{name}-{n}")));
            let on_claim = claims.flatten().flat_map(|claim| {
                let shrunk = shrunk(&field, "volume claim", given.storage.as_deref(), claim);
                [shrunk, reclassed(&field, given.storage_class.as_deref(), claim, another)]
            });
            // All have the same size and class: one of them says it.
            on_claim.flatten().take(1).collect()
        }
        (_, Some(given)) => {
            let kind = if mode == Mode::CloudNativePg { "Cluster" } else { "RabbitmqCluster" };
            let there = live(kind, name);
            there
                .and_then(|there| shrunk(&field, kind, given.storage.as_deref(), there))
                .into_iter()
                .collect()
        }
        (_, None) => {
            let managed = spec.and_then(|s| s.managed.as_ref()).unwrap_or(&default);
            let claim = live("PersistentVolumeClaim", format!("{name}-data"));
            let on_claim = claim.into_iter().flat_map(|claim| {
                let shrunk = shrunk(&field, "volume claim", managed.storage.as_deref(), claim);
                let reclassed = reclassed(&field, managed.storage_class.as_deref(), claim, another);
                [shrunk, reclassed, overhauled(entry, managed, claim)]
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

/// Only what is written: a volume that a former platform left may be larger than the default. And only less than there
/// is: what was asked for in vain may be taken back.
fn shrunk(field: &str, what: &str, wanted: Option<&str>, there: &Value) -> Option<Invalid> {
    let (wanted, size) = (wanted?, size(there)?);
    (milli(wanted)? < milli(size)?).then(|| Invalid {
        field: format!("{field}.storage"),
        message: format!(
            "{wanted} is less than the {size} of {what} {}, and a volume only grows: write at least {size}, or leave \
             it out",
            there["metadata"]["name"].as_str().unwrap_or_default()
        ),
    })
}

fn reclassed(
    field: &str,
    wanted: Option<&str>,
    claim: &Value,
    way: impl Fn(&str) -> String,
) -> Option<Invalid> {
    let (wanted, there) = (wanted?, claim["spec"]["storageClassName"].as_str()?);
    (wanted != there).then(|| Invalid {
        field: format!("{field}.storageClass"),
        message: format!(
            "volume claim {} has the class {there}, and a volume keeps its class: write {there} or leave it out; {}",
            claim["metadata"]["name"].as_str().unwrap_or_default(),
            way(wanted)
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
