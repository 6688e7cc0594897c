//! Takes a platform down behind its finalizer, the highest tier first, each when the one above is gone to the last
//! pod. It starts from what is there, not from a plan: a platform may be deleted half installed, stalled or paused, and
//! its spec may be invalid by now.

use super::cache::{Children, Key, TIER, UNIT, label, name};
use super::error::Error;
use super::kinds::{KINDS, Kind, Role};
use super::observe::leaving;
use super::prune::tier;
use super::writer::Writer;
use crate::api::{DeletionPolicy, OrionPlatform};
use crate::plan::{DATA_BACKUP, DATA_EXTERNAL, DATA_LABEL, DATA_OWN};
use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

pub const FINALIZER: &str = "orion.dev/teardown";

/// The next step of a teardown. Pure.
#[derive(Debug, PartialEq)]
pub enum Step<'a> {
    /// Tiers run still: delete these workloads and what scales them, and wait.
    Tier(Vec<&'a Value>),
    /// Nothing runs any more: delete the rest and wait.
    Rest(Vec<&'a Value>),
    /// The caches know of nothing more.
    Done,
}

pub fn next(children: &Children, policy: DeletionPolicy) -> Step<'_> {
    let objects = || children.values().map(AsRef::as_ref);
    if let Some(highest) = objects().filter(|o| runs(o)).map(tier).max() {
        // An autoscaler goes with what it scales: alone it would only complain.
        let ends = |o: &&Value| role(o) == Some(Role::Workload) || Kind::scales(o);
        let workloads = objects().filter(|o| ends(o) && tier(o) == highest);
        return Step::Tier(workloads.filter(|o| !leaving(o)).collect());
    }
    let rest: Vec<&Value> = objects().filter(|o| !kept(o, policy)).collect();
    if rest.is_empty() { Step::Done } else { Step::Rest(rest.into_iter().filter(|o| !leaving(o)).collect()) }
}

/// The tiers that still run, each with its units, for the status.
pub fn left(children: &Children) -> Vec<(i32, Vec<String>)> {
    let mut left: Vec<(i32, Vec<String>)> = Vec::new();
    let mut running: Vec<(i64, &str)> =
        children.values().filter(|o| runs(o)).filter_map(|o| Some((tier(o), label(o, UNIT)?))).collect();
    running.sort_unstable();
    running.dedup();
    for (tier, unit) in running {
        let tier = i32::try_from(tier).unwrap_or(-1);
        match left.last_mut() {
            Some((last, units)) if *last == tier => units.push(unit.to_owned()),
            _ => left.push((tier, vec![unit.to_owned()])),
        }
    }
    left
}

fn role(object: &Value) -> Option<Role> {
    Kind::named(object["kind"].as_str()?).map(|kind| kind.role)
}

fn runs(object: &Value) -> bool {
    matches!(role(object), Some(Role::Workload | Role::Observed)) && label(object, TIER).is_some()
}

/// Volumes, and the Secrets without which they are of no use. Backups are for when everything else is gone. Nothing is removed from an external store, so neither is
/// what its data can't be read without.
fn kept(object: &Value, policy: DeletionPolicy) -> bool {
    match label(object, DATA_LABEL) {
        Some(DATA_OWN) => policy == DeletionPolicy::RetainData,
        other => matches!(other, Some(DATA_EXTERNAL | DATA_BACKUP)),
    }
}

/// The names of the Secrets that are kept under either policy, for the status.
pub fn always_kept(children: &Children) -> Vec<&str> {
    let secrets = children.iter().filter(|((kind, _), _)| *kind == "Secret");
    let kept = secrets.filter(|(_, secret)| label(secret, DATA_LABEL) == Some(DATA_EXTERNAL));
    kept.map(|((_, name), _)| name.as_str()).collect()
}

pub async fn delete_all(writer: &Writer, objects: &[&Value]) -> Result<(), Error> {
    for object in objects {
        if let Some(kind) = object["kind"].as_str().and_then(Kind::named) {
            writer.delete(kind, object).await?;
        }
    }
    Ok(())
}

/// A cache may be a moment behind what this operator made itself: before the platform is let go, the API server is
/// asked what is left. True if there is nothing.
pub async fn nothing_left(
    client: &Client,
    writer: &Writer,
    platform: &Key,
    policy: DeletionPolicy,
) -> Result<bool, Error> {
    let mut nothing = true;
    for kind in &KINDS {
        let api: Api<DynamicObject> =
            Api::namespaced_with(client.clone(), &platform.namespace, &kind.resource());
        let selector = format!("{},{}={}", kind.selector(), super::cache::INSTANCE, platform.name);
        let list = match api.list(&ListParams::default().labels(&selector)).await {
            // The cluster doesn't have it.
            Err(kube::Error::Api(status)) if kind.is_optional() && status.code == 404 => continue,
            // Not to be able to look must not hold up the platform for ever.
            Err(kube::Error::Api(status)) if kind.is_optional() && status.code == 403 => {
                tracing::warn!(kind = kind.kind, error = status.message, "may be left behind");
                continue;
            }
            list => list.map_err(Error::api(format!("list {}", kind.plural)))?,
        };
        for mut object in list {
            object.types =
                Some(kube::core::TypeMeta { api_version: kind.api_version(), kind: kind.kind.to_owned() });
            let Ok(object) = serde_json::to_value(object) else { continue };
            if kept(&object, policy) {
                continue;
            }
            nothing = false;
            if kind.role != Role::Observed && !leaving(&object) {
                tracing::info!(kind = kind.kind, name = name(&object), "was made after all, delete");
                writer.delete(kind, &object).await?;
            }
        }
    }
    Ok(nothing)
}

/// Takes the finalizer off: the API server removes the platform.
pub async fn let_go(writer: &Writer, platform: &OrionPlatform) -> Result<(), Error> {
    let finalizers: Vec<&String> = platform.finalizers().iter().filter(|f| *f != FINALIZER).collect();
    match set_finalizers(writer, platform, &json!(finalizers)).await {
        Err(e) if e.is_not_found() => Ok(()),
        other => other,
    }
}

/// Puts the finalizer on, before anything is made.
pub async fn hold(writer: &Writer, platform: &OrionPlatform) -> Result<(), Error> {
    let mut finalizers = platform.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    set_finalizers(writer, platform, &json!(finalizers)).await
}

async fn set_finalizers(writer: &Writer, platform: &OrionPlatform, finalizers: &Value) -> Result<(), Error> {
    let namespace = platform.namespace().unwrap_or_default();
    // The version makes it fail rather than overwrite somebody else's finalizer.
    let patch = json!({"metadata": {
        "resourceVersion": platform.resource_version(), "finalizers": finalizers,
    }});
    writer.merge_platform(&namespace, &platform.name_any(), &patch).await
}
