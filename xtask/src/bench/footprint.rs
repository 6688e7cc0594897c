//! How much room a platform takes: each image on disk, each unit's memory while nobody uses it.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

use super::{Bench, keep, mebibytes, row, stats, table};
use crate::images;
use crate::status::OPERATOR_NAMESPACE;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Footprint {
    image_bytes: BTreeMap<String, u64>,
    memory: Vec<Memory>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    unit: String,
    working_set_bytes: u64,
    resident_bytes: u64,
}

pub(super) fn measure(bench: &Bench) -> Result<()> {
    let images = images::build(&[])?;
    let memory = memory(bench)?;
    let mut rows = vec![row(&["unit", "image", "working set", "resident"])];
    let size = |name: &str| images.iter().find(|i| i.name == name).map_or("".into(), |i| mebibytes(i.bytes));
    for m in &memory {
        rows.push(vec![
            m.unit.clone(),
            size(&m.unit),
            mebibytes(m.working_set_bytes),
            mebibytes(m.resident_bytes),
        ]);
    }
    table("footprint: image size and memory of an idle platform", &rows);
    let image_bytes = images.iter().map(|i| (i.name.clone(), i.bytes)).collect();
    keep("footprint", &Footprint { image_bytes, memory })
}

/// By unit, from the labels of the pods; several replicas add up.
fn memory(bench: &Bench) -> Result<Vec<Memory>> {
    let pods = bench.target.json(&["get", "pods", "--all-namespaces"])?;
    let unit_of = |namespace: &str, name: &str| {
        let items = pods["items"].as_array()?;
        let text = |v: &Value, p: &str| v.pointer(p).and_then(Value::as_str).unwrap_or_default().to_owned();
        let of =
            |p: &&Value| text(p, "/metadata/namespace") == namespace && text(p, "/metadata/name") == name;
        let labels = items.iter().find(of)?.pointer("/metadata/labels")?;
        let unit = labels["app.kubernetes.io/name"].as_str()?;
        let instance = labels["app.kubernetes.io/instance"].as_str()?;
        let ours = namespace == bench.platform.namespace && instance == bench.platform.name;
        if namespace == OPERATOR_NAMESPACE && unit == "orion-operator" {
            return Some("operator".to_owned());
        }
        ours.then(|| unit.to_owned())
    };
    let mut by_unit = BTreeMap::<String, Memory>::new();
    for usage in stats::usage(&bench.target)? {
        let Some(unit) = unit_of(&usage.namespace, &usage.pod) else { continue };
        let entry = by_unit.entry(unit.clone());
        let sum = entry.or_insert(Memory { unit, working_set_bytes: 0, resident_bytes: 0 });
        sum.working_set_bytes += usage.working_set;
        sum.resident_bytes += usage.resident;
    }
    Ok(by_unit.into_values().collect())
}
