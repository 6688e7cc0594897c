//! Whether a live object differs from the plan in what the plan sets. Pure.
//!
//! Two questions. Is every planned field there with the planned value? Fields that the API server filled in or that
//! somebody else set are not looked at. And: is there a field that the operator once set and plans no longer? The
//! API server keeps that in managedFields. Only if one answer is yes is there anything to write.

pub use crate::plan::MANAGER;
use crate::plan::quantity::milli;
use serde_json::{Map, Value};

/// The path of the first difference, or None if there is nothing to write.
pub fn first(desired: &Value, live: &Value) -> Option<String> {
    let mut path = Path::default();
    subset(desired, live, &mut path).or_else(|| {
        let owned = live["metadata"]["managedFields"].as_array().into_iter().flatten().find(|entry| {
            entry["manager"] == MANAGER && entry["operation"] == "Apply" && entry["subresource"].is_null()
        });
        leftover(&owned?["fieldsV1"], desired, &mut path)
    })
}

#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn within<T>(&mut self, step: &str, look: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.0.push(step.to_owned());
        let found = look(self);
        self.0.pop();
        found
    }

    fn here(&self) -> Option<String> {
        Some(self.0.join("."))
    }

    fn holds_quantities(&self) -> bool {
        self.0.iter().any(|step| matches!(step.as_str(), "requests" | "limits" | "capacity"))
            || self.0.last().is_some_and(|step| step == "sizeLimit")
    }
}

fn subset(desired: &Value, live: &Value, path: &mut Path) -> Option<String> {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => object(desired, live, path),
        (Value::Array(desired), Value::Array(live)) => array(desired, live, path),
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (Value::String(a), Value::String(b)) if path.holds_quantities() && same_quantity(a, b) => None,
        (a, b) if a == b => None,
        _ => path.here(),
    }
}

/// "1000m" is "1", "1024Mi" is "1Gi": the API server writes quantities its own way.
fn same_quantity(a: &str, b: &str) -> bool {
    milli(a).is_some_and(|a| milli(b) == Some(a))
}

fn object(desired: &Map<String, Value>, live: &Map<String, Value>, path: &mut Path) -> Option<String> {
    desired.iter().find_map(|(key, value)| {
        path.within(key, |path| match live.get(key) {
            Some(live) => subset(value, live, path),
            // The API server leaves out lists that are empty.
            None if value.is_null() || value.as_array().is_some_and(Vec::is_empty) => None,
            None => path.here(),
        })
    })
}

/// The fields that tell the items of a list apart, by where the list is, as the API's schema has them.
fn keys_of(path: &Path, item: &Value) -> &'static [&'static str] {
    // Those of a NetworkPolicy are taken as a whole: one too many lets in who must stay out.
    let whole = path.0.iter().any(|step| step == "ingress" || step == "egress");
    match path.0.last().map(String::as_str).unwrap_or_default() {
        _ if whole => &[],
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" | "secrets" => &["name"],
        "volumeMounts" => &["mountPath"],
        "ports" if !item["containerPort"].is_null() => &["containerPort", "protocol"],
        "ports" => &["port", "protocol"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "ownerReferences" => &["uid"],
        "hostAliases" => &["ip"],
        _ => &[],
    }
}

fn array(desired: &[Value], live: &[Value], path: &mut Path) -> Option<String> {
    let keys = desired.first().map_or(&[][..], |item| keys_of(path, item));
    if keys.is_empty() {
        if desired.len() != live.len() {
            return path.here();
        }
        let mut pairs = desired.iter().zip(live).enumerate();
        return pairs.find_map(|(i, (a, b))| path.within(&i.to_string(), |path| subset(a, b, path)));
    }
    desired.iter().find_map(|item| {
        let name = item[keys[0]].to_string();
        path.within(&name, |path| match live.iter().find(|other| same_item(keys, item, other)) {
            Some(other) => subset(item, other, path),
            None => path.here(),
        })
    })
}

fn same_item(keys: &[&str], a: &Value, b: &Value) -> bool {
    keys.iter().all(|key| key_value(a, key) == key_value(b, key))
}

/// The only key that the API server fills in where it is left out.
fn key_value(item: &Value, key: &str) -> Value {
    match (&item[key], key) {
        (Value::Null, "protocol") => Value::from("TCP"),
        (value, _) => value.clone(),
    }
}

/// A field that is owned and not planned, from the API server's notation: `f:name` is a field, `k:{…}` an item of a
/// list by its keys, `v:…` a plain item of a set, `.` the thing itself.
fn leftover(owned: &Value, desired: &Value, path: &mut Path) -> Option<String> {
    owned.as_object()?.iter().find_map(|(step, inner)| {
        if step == "." {
            return None;
        }
        path.within(step, |path| match planned(step, desired) {
            Some(desired) => leftover(inner, desired, path),
            None => path.here(),
        })
    })
}

fn planned<'a>(step: &str, desired: &'a Value) -> Option<&'a Value> {
    let (kind, name) = step.split_at_checked(2)?;
    match kind {
        "f:" => desired.get(name),
        "k:" => {
            let keys: Map<String, Value> = serde_json::from_str(name).ok()?;
            desired.as_array()?.iter().find(|item| keys.iter().all(|(k, v)| &key_value(item, k) == v))
        }
        "v:" => {
            let value: Value = serde_json::from_str(name).ok()?;
            desired.as_array()?.iter().find(|item| **item == value)
        }
        // A notation that is not known can't be compared; applying is always right, only not free.
        _ => None,
    }
}
