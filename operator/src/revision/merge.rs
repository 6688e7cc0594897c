//! What an edit of the spec means for a plan that another operator made: the difference between this operator's own
//! renderings of the old and the new spec, carried over. Pure.
//!
//! A field that the edit changes is changed, if the stored plan has in its place what this operator would have put
//! there for the old spec. Where it has something else, only a person can say what is meant: that is a conflict.

use crate::plan::{CONFIG_HASH, Plan, SecretSpec, Unit, hash8};
use serde_json::{Map, Value};

/// Where an edit and the stored plan can't both be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Conflict(pub String);

/// `stored` with what has changed from `old` to `new`.
pub fn merge(stored: &Plan, old: &Plan, new: &Plan) -> Result<Plan, Vec<Conflict>> {
    let mut conflicts = Vec::new();
    let mut units: Vec<Unit> = Vec::new();
    for unit in &stored.units {
        let merged = match (old.unit(&unit.name), new.unit(&unit.name)) {
            (Some(old), Some(new)) if old != new => merge_unit(unit, old, new, &mut conflicts),
            // The edit doesn't touch it, or this operator has no such unit: it stays as it is.
            _ => unit.clone(),
        };
        units.push(merged);
    }
    // A unit that only this operator knows comes with its approval, not with an edit.
    let introduced = |unit: &&Unit| old.unit(&unit.name).is_none() && stored.unit(&unit.name).is_none();
    conflicts.extend(
        new.units
            .iter()
            .filter(introduced)
            .map(|unit| Conflict(format!("{} comes with the newer operator only", unit.name))),
    );
    if conflicts.is_empty() { Ok(Plan { units }) } else { Err(conflicts) }
}

fn merge_unit(stored: &Unit, old: &Unit, new: &Unit, conflicts: &mut Vec<Conflict>) -> Unit {
    // Switched on or off as a whole: nothing is left to merge with.
    if old.enabled != new.enabled && stored.enabled == old.enabled {
        return new.clone();
    }
    let mut unit = stored.clone();
    let find = |all: &[Value], wanted: &Value| all.iter().find(|o| same(o, wanted)).cloned();
    unit.objects
        .retain(|object| find(&old.objects, object).is_none() || find(&new.objects, object).is_some());
    for object in &mut unit.objects {
        if let (Some(old), Some(new)) = (find(&old.objects, object), find(&new.objects, object)) {
            let mut at =
                Path(vec![unit.name.clone(), object["kind"].as_str().unwrap_or_default().to_owned()]);
            *object = three_way(Some(object), Some(&old), Some(&new), &mut at, conflicts).unwrap_or_default();
        }
    }
    let added: Vec<Value> = new
        .objects
        .iter()
        .filter(|o| find(&old.objects, o).is_none() && find(&unit.objects, o).is_none())
        .cloned()
        .collect();
    unit.objects.extend(added);
    if old.needs != new.needs {
        unit.needs = new.needs.clone();
    }
    merge_secrets(&mut unit.secrets, &old.secrets, &new.secrets);
    unit
}

fn merge_secrets(stored: &mut Vec<SecretSpec>, old: &[SecretSpec], new: &[SecretSpec]) {
    for spec in new.iter().filter(|spec| !old.contains(spec)) {
        match stored.iter_mut().find(|s| s.name == spec.name) {
            Some(place) => *place = spec.clone(),
            None => stored.push(spec.clone()),
        }
    }
    let dropped = |spec: &SecretSpec| {
        old.iter().any(|s| s.name == spec.name) && !new.iter().any(|s| s.name == spec.name)
    };
    stored.retain(|spec| !dropped(spec));
}

/// A Job's name follows from its content, so it says nothing about which one it is; no unit has two.
fn same(a: &Value, b: &Value) -> bool {
    a["kind"] == b["kind"] && (a["kind"] == "Job" || a["metadata"]["name"] == b["metadata"]["name"])
}

struct Path(Vec<String>);

impl Path {
    fn is_hash(&self) -> bool {
        self.0.last().is_some_and(|step| step == CONFIG_HASH)
    }

    fn is_name_of_job(&self) -> bool {
        matches!(&self.0[..], [_, kind, metadata, name] if kind == "Job" && metadata == "metadata" && name == "name")
    }

    fn conflict(&self) -> Conflict {
        Conflict(format!(
            "{} differs from what this operator would have made of the old spec",
            self.0.join(".")
        ))
    }
}

/// None is a field that is not there.
fn three_way(
    stored: Option<&Value>,
    old: Option<&Value>,
    new: Option<&Value>,
    at: &mut Path,
    conflicts: &mut Vec<Conflict>,
) -> Option<Value> {
    if old == new || at.is_name_of_job() {
        return stored.cloned();
    }
    if stored == old || stored == new {
        return new.cloned();
    }
    if at.is_hash() {
        // Of what else stands here: it has to change with it, and with nothing else.
        return Some(hash8(&(stored, new)).into());
    }
    match (stored, old, new) {
        (Some(Value::Object(stored)), Some(Value::Object(old)), Some(Value::Object(new))) => {
            Some(Value::Object(fields(stored, old, new, at, conflicts)))
        }
        (Some(Value::Array(stored)), Some(Value::Array(old)), Some(Value::Array(new)))
            if [stored, old, new].into_iter().all(|list| named(list)) =>
        {
            Some(items(stored, old, new, at, conflicts))
        }
        (Some(Value::String(stored)), Some(Value::String(old)), Some(Value::String(new)))
            if [stored, old, new].into_iter().all(|text| document(text).is_some()) =>
        {
            let [stored, old, new] = [stored, old, new].map(|text| document(text));
            let merged = three_way(stored.as_ref(), old.as_ref(), new.as_ref(), at, conflicts)?;
            serde_json::to_string_pretty(&merged).ok().map(Value::String)
        }
        _ => {
            conflicts.push(at.conflict());
            stored.cloned()
        }
    }
}

fn fields(
    stored: &Map<String, Value>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    at: &mut Path,
    conflicts: &mut Vec<Conflict>,
) -> Map<String, Value> {
    let mut merged = stored.clone();
    let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
    for key in keys {
        at.0.push(key.clone());
        match three_way(stored.get(key), old.get(key), new.get(key), at, conflicts) {
            Some(value) => drop(merged.insert(key.clone(), value)),
            None => drop(merged.remove(key)),
        }
        at.0.pop();
    }
    merged
}

/// A file in a ConfigMap that is a JSON document, as the provision Job's is.
fn document(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(Value::is_object)
}

/// What tells the items of a list apart: containers, variables and volumes have names, accounts their own words for it.
const IDENTITIES: [&str; 4] = ["name", "role", "user", "exchange"];

fn identity(item: &Value) -> Option<&str> {
    IDENTITIES.iter().find_map(|key| item[*key].as_str())
}

fn named(list: &[Value]) -> bool {
    list.iter().all(|item| identity(item).is_some())
}

fn items(
    stored: &[Value],
    old: &[Value],
    new: &[Value],
    at: &mut Path,
    conflicts: &mut Vec<Conflict>,
) -> Value {
    let find = |list: &[Value], id: &str| list.iter().find(|item| identity(item) == Some(id)).cloned();
    let mut ids: Vec<&str> = stored.iter().chain(new).filter_map(identity).collect();
    let mut seen = Vec::new();
    ids.retain(|id| {
        !seen.contains(id) && {
            seen.push(*id);
            true
        }
    });
    let mut merged = Vec::new();
    for id in ids {
        at.0.push(id.to_owned());
        let (stored, old, new) = (find(stored, id), find(old, id), find(new, id));
        merged.extend(three_way(stored.as_ref(), old.as_ref(), new.as_ref(), at, conflicts));
        at.0.pop();
    }
    Value::Array(merged)
}
