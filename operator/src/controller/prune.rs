//! Removes what the plan no longer has, the highest tier first. Volumes and Secrets stay: a service that is switched
//! off and on again finds its data, and the keys to it, where it left them.

use super::cache::{Children, TIER, UNIT, label, name};
use super::error::Error;
use super::kinds::{Kind, Role};
use super::observe::{Observed, leaving, role};
use super::readiness;
use super::writer::Writer;
use crate::plan::{RESTORE, UnitKind};
use serde_json::Value;
use std::collections::HashSet;

/// What is to be deleted now. Pure. `own` are the names of objects that the controller keeps beside the plan.
pub fn superfluous<'a>(children: &'a Children, units: &[Observed], own: &[String]) -> Vec<&'a Value> {
    let planned: HashSet<(&str, &str)> =
        units.iter().flat_map(|u| &u.objects).filter_map(|o| Some((o["kind"].as_str()?, name(o)))).collect();
    // What a unit had before it may still be in use until it runs as planned: the last provision Job, an old
    // configuration that old pods mount.
    // What is to take the place of a way in may have to wait for its kind.
    // An autoscaler that is planned no longer must go at once: until then it changes what the plan says anew.
    // A store that the platform moves away from is in use until all that need it have moved.
    let needed = |store: &str| units.iter().any(|u| !u.settled() && u.needs.iter().any(|need| need == store));
    let changes =
        |u: &Observed| !u.settled() || u.lacks.is_some() || u.kind == UnitKind::Store && needed(&u.name);
    // A restore that is wanted no longer must go at once too: it would put its data in place all the same.
    let at_once = |o: &Value| Kind::scales(o) || label(o, UNIT) == Some(RESTORE) && o["kind"] == "Job";
    let in_use =
        |o: &Value| !at_once(o) && units.iter().any(|u| label(o, UNIT) == Some(&u.name) && changes(u));
    let objects = || children.values().map(AsRef::as_ref);
    // A Job that has given up is made anew under the same name.
    let given_up = |o: &Value| o["kind"] == "Job" && readiness::of(o, None).failed;
    let unplanned = |o: &Value| {
        !planned.contains(&(o["kind"].as_str().unwrap_or_default(), name(o)))
            && !own.iter().any(|own| own == name(o))
            && !in_use(o)
    };
    // What something else makes for the plan, as a CronJob its Jobs, goes with that, and is nobody's to remove before.
    let made_by_another = |o: &Value| {
        let owners = o["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true))
    };
    let stale = |o: &&Value| {
        let ours = matches!(role(o), Some(Role::Workload | Role::Part)) && !made_by_another(o);
        ours && (given_up(o) || unplanned(o))
    };
    // A unit is gone when its pods are: what is below it waits for that.
    let removed = |o: &&Value| o["kind"] == "Pod" && !units.iter().any(|u| label(o, UNIT) == Some(&u.name));
    let highest = objects().filter(|o| stale(o) || removed(o)).map(tier).max();
    objects().filter(stale).filter(|o| (Some(tier(o)) == highest || at_once(o)) && !leaving(o)).collect()
}

/// Deletes it.
pub async fn run(writer: &Writer, objects: &[&Value]) -> Result<(), Error> {
    for object in objects {
        let Some(kind) = object["kind"].as_str().and_then(Kind::named) else { continue };
        writer.delete(kind, object).await?;
    }
    Ok(())
}

/// The tier that an object is labelled with; what has none goes last.
pub fn tier(object: &Value) -> i64 {
    label(object, TIER).and_then(|t| t.parse().ok()).unwrap_or(-1)
}
