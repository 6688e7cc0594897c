//! Volumes of stores: they only grow, some can't, and what has been written to one stays readable only to programs of
//! the same major version.

use super::cache::{Children, Key, name};
use super::error::Error;
use super::kinds::Kind;
use super::observe::{Observed, find, leaving};
use super::writer::Writer;
use crate::plan::quantity::milli;
use crate::plan::{BACKUP, Plan, UnitKind};
use crate::validate::major;
use serde_json::{Value, json};

/// On a claim, once its store has run: the major version of what has written to the volume.
pub const STORE_VERSION: &str = "orion.dev/store-version";
/// On a claim that could not grow: the size that was refused, a colon, and why.
pub const RESIZE_REFUSED: &str = "orion.dev/resize-refused";

/// Where a claim, or a store that another operator runs, says how large its volumes are.
fn place(claim: &Value) -> &'static str {
    match claim["kind"].as_str() {
        Some("Cluster") => "/spec/storage/size",
        Some("RabbitmqCluster") => "/spec/persistence/storage",
        _ => "/spec/resources/requests/storage",
    }
}

/// What a claim asks for.
pub fn size(claim: &Value) -> Option<&str> {
    claim.pointer(place(claim))?.as_str()
}

/// A claim as it is to be, given the one there is. Its class is fixed and its size only grows: what is there stays,
/// whatever an older spec says. A size that was refused stays away too, so that nothing else has to wait for it. Nor can a
/// claim grow before it has a volume, and that may wait for the very pod that would wait for its growth.
pub fn bind(planned: &mut Value, live: Option<&Value>) {
    let Some(live) = live else { return };
    if let (Some(wanted), Some(there)) = (size(planned), size(live))
        && (milli(wanted) < milli(there)
            || live["status"]["phase"] == "Pending"
            || refusal(planned, live).is_some())
    {
        let (there, place) = (Value::from(there), place(planned));
        if let Some(size) = planned.pointer_mut(place) {
            *size = there;
        }
    }
    // Also when the spec names none: a volume that a former platform left keeps the class that it was made with.
    if live["spec"]["storageClassName"].is_string() {
        planned["spec"]["storageClassName"] = live["spec"]["storageClassName"].clone();
    }
}

/// Why the claim can't have the size that is planned, if the API server has said so.
fn refusal<'a>(planned: &Value, live: &'a Value) -> Option<&'a str> {
    let (refused, why) = live["metadata"]["annotations"][RESIZE_REFUSED].as_str()?.split_once(": ")?;
    let wanted = size(planned)?;
    (refused == wanted && milli(wanted) > size(live).and_then(milli)).then_some(why)
}

/// Why volumes of stores don't become as large as the plan wants them; None where they do, or are about to.
pub fn stuck(plan: &Plan, children: &Children) -> Option<String> {
    let mut of_stores = claims(plan).filter(|(unit, _)| *unit != BACKUP);
    of_stores.find_map(|(unit, planned)| Some(format!("{unit}: {}", cannot_grow(planned, children)?)))
}

/// The same of the volume for backups: the platform is what it should be without.
pub fn stuck_for_backups(plan: &Plan, children: &Children) -> Option<String> {
    let mut for_backups = claims(plan).filter(|(unit, _)| *unit == BACKUP);
    for_backups.find_map(|(_, planned)| cannot_grow(planned, children))
}

fn cannot_grow(planned: &Value, children: &Children) -> Option<String> {
    let live = find(children, planned)?;
    let (wanted, there) = (size(planned)?, size(live)?);
    let why = match (refusal(planned, live), infeasible(live)) {
        (Some(why), _) => why.to_owned(),
        (None, Some(why)) => why,
        (None, None) => return None,
    };
    Some(format!(
        "volume claim {} can't grow from {there} to {wanted}: {why}. It is tried again each minute; if its \
         StorageClass is in the way, let that expand volumes (allowVolumeExpansion: true)",
        name(live)
    ))
}

/// What a storage driver has said no to for good.
fn infeasible(claim: &Value) -> Option<String> {
    let statuses = claim["status"]["allocatedResourceStatuses"]["storage"].as_str()?;
    let failed = matches!(statuses, "ControllerResizeInfeasible" | "NodeResizeInfeasible");
    let said = conditions(claim)
        .filter(|c| ["ControllerResizeError", "NodeResizeError"].iter().any(|kind| c["type"] == *kind));
    let said: Vec<&str> = said.filter_map(|c| c["message"].as_str()).collect();
    failed.then(|| if said.is_empty() { statuses.to_owned() } else { said.join("; ") })
}

fn conditions(claim: &Value) -> impl Iterator<Item = &Value> {
    let all = claim["status"]["conditions"].as_array();
    all.into_iter().flatten().filter(|condition| condition["status"] == "True")
}

/// How far a claim is that grows, in a sentence; None where it has the size that it asks for.
pub fn growing(claim: &Value) -> Option<String> {
    let (wanted, there) = (size(claim)?, claim["status"]["capacity"]["storage"].as_str()?);
    if milli(there)? >= milli(wanted)? {
        return None;
    }
    let is = |kind: &str| conditions(claim).any(|c| c["type"] == kind);
    let state = match () {
        () if is("FileSystemResizePending") => {
            "the file system is yet to grow (FileSystemResizePending); a driver that can't do so in use needs a new pod"
        }
        () if is("Resizing") => "the storage driver is at work",
        () => "waits for the storage driver",
    };
    Some(format!("volume claim {} grows from {there} to {wanted}: {state}", name(claim)))
}

fn claims(plan: &Plan) -> impl Iterator<Item = (&str, &Value)> {
    let enabled = plan.units.iter().filter(|unit| unit.enabled);
    let all = enabled.flat_map(|unit| unit.objects.iter().map(|object| (unit.name.as_str(), object)));
    all.filter(|(_, object)| object["kind"] == "PersistentVolumeClaim")
}

fn kind() -> &'static Kind {
    Kind::named("PersistentVolumeClaim").expect("the table of kinds has volume claims")
}

async fn annotate(writer: &Writer, claim: &Value, key: &str, value: &Value) -> Result<(), Error> {
    let namespace = claim["metadata"]["namespace"].as_str().unwrap_or_default();
    let patch = json!({"metadata": {"annotations": {key: value}}});
    writer.merge(kind(), namespace, name(claim), &patch).await.map(drop)
}

/// Remembers, on the claim itself, that it can't have the size in `wanted`.
pub async fn note_refusal(writer: &Writer, wanted: &Value, live: &Value, why: &str) -> Result<(), Error> {
    let refused = size(wanted).unwrap_or_default();
    annotate(writer, live, RESIZE_REFUSED, &json!(format!("{refused}: {why}"))).await
}

/// Tries again what was refused: a StorageClass may have been changed since, which no watch tells.
pub async fn retry(writer: &Writer, platform: &Key, plan: &Plan, children: &Children) -> Result<(), Error> {
    for (_, planned) in claims(plan) {
        let Some(live) = find(children, planned).filter(|live| refusal(planned, live).is_some()) else {
            continue;
        };
        let resources = json!({"spec": {"resources": {"requests": {"storage": size(planned)}}}});
        match writer.merge(kind(), &platform.namespace, name(live), &resources).await {
            Ok(_) => annotate(writer, live, RESIZE_REFUSED, &Value::Null).await?,
            Err(error) if error.refused().is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Notes on the claim of each store that runs which major version has written to it by now.
pub async fn note_versions(writer: &Writer, units: &[Observed], children: &Children) -> Result<(), Error> {
    for unit in units.iter().filter(|u| u.kind == UnitKind::Store && u.settled()) {
        let Some(claim) = unit.objects.iter().find(|o| o["kind"] == "PersistentVolumeClaim") else {
            continue;
        };
        let live = find(children, claim).filter(|live| !leaving(live));
        let Some(live) = live.filter(|live| live["metadata"]["annotations"][STORE_VERSION].is_null()) else {
            continue;
        };
        let store = catalog::store(&unit.name).map(|entry| entry.store);
        let version = store.zip(unit.image.as_deref()).and_then(|(store, image)| major::of(store, image));
        if let Some(version) = version {
            annotate(writer, live, STORE_VERSION, &json!(version.to_string())).await?;
        }
    }
    Ok(())
}
