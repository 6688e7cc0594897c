//! Volumes grow, never shrink, and say why they can't.

use super::super::plan::planned;
use operator::controller::cache::Children;
use operator::controller::volumes::{RESIZE_REFUSED, bind, growing, stuck, stuck_for_backups};
use serde_json::{Value, json};
use std::sync::Arc;

const NO: &str = "only dynamically provisioned pvc can be resized";

fn claim(size: &str) -> Value {
    json!({
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "orion-postgres-data", "annotations": {}},
        "spec": {"resources": {"requests": {"storage": size}}},
        "status": {"capacity": {"storage": size}},
    })
}

fn refused(size: &str, refused: &str) -> Value {
    let mut claim = claim(size);
    claim["metadata"]["annotations"][RESIZE_REFUSED] = format!("{refused}: {NO}").into();
    claim
}

/// The size that is asked for, given the claim that is there.
fn asked(wanted: &str, live: &Value) -> String {
    let mut planned = claim(wanted);
    bind(&mut planned, Some(live));
    planned["spec"]["resources"]["requests"]["storage"].as_str().expect("a size").to_owned()
}

#[test]
fn a_claim_grows_and_an_older_plan_does_not_shrink_it() {
    assert_eq!(asked("20Gi", &claim("10Gi")), "20Gi");
    assert_eq!(asked("10Gi", &claim("20Gi")), "20Gi");
    assert_eq!(asked("20Gi", &claim("20480Mi")), "20Gi");
}

#[test]
fn a_size_that_was_refused_is_left_out_until_another_is_wanted() {
    assert_eq!(asked("20Gi", &refused("10Gi", "20Gi")), "10Gi");
    assert_eq!(asked("30Gi", &refused("10Gi", "20Gi")), "30Gi");
    assert_eq!(asked("10Gi", &refused("10Gi", "20Gi")), "10Gi");
}

#[test]
fn a_class_is_kept_even_where_the_plan_names_none() {
    let (mut planned, mut live) = (claim("10Gi"), claim("10Gi"));
    live["spec"]["storageClassName"] = "fast".into();
    bind(&mut planned, Some(&live));
    assert_eq!(planned["spec"]["storageClassName"], "fast");
}

fn cluster(claim: Value) -> Children {
    Children::from([(("PersistentVolumeClaim", "orion-postgres-data".to_owned()), Arc::new(claim))])
}

#[test]
fn a_volume_that_cannot_grow_is_named_with_both_sizes_and_what_to_do() {
    let plan = planned("{postgres: {managed: {storage: 20Gi}}}");
    let said = stuck(&plan, &cluster(refused("10Gi", "20Gi"))).expect("it can't");
    for part in
        ["postgres: volume claim orion-postgres-data can't grow from 10Gi to 20Gi", NO, "StorageClass"]
    {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(stuck(&plan, &cluster(claim("10Gi"))), None);
    assert_eq!(stuck(&planned("{}"), &cluster(refused("10Gi", "20Gi"))), None);
}

#[test]
fn a_volume_for_backups_that_cannot_grow_stalls_nobody() {
    let plan = planned(r#"{backup: {schedule: "0 3 * * *", to: {volume: {storage: 20Gi}}}}"#);
    let mut claim = refused("10Gi", "20Gi");
    claim["metadata"]["name"] = "orion-backup-data".into();
    let there =
        Children::from([(("PersistentVolumeClaim", "orion-backup-data".to_owned()), Arc::new(claim))]);
    assert_eq!(stuck(&plan, &there), None);
    let said = stuck_for_backups(&plan, &there).expect("it can't");
    assert!(said.starts_with("volume claim orion-backup-data can't grow from 10Gi to 20Gi"), "{said}");
    let store = planned("{postgres: {managed: {storage: 20Gi}}}");
    assert_eq!(stuck_for_backups(&store, &cluster(refused("10Gi", "20Gi"))), None);
}

#[test]
fn a_driver_that_has_said_no_is_quoted() {
    let mut live = claim("20Gi");
    live["status"] = json!({
        "capacity": {"storage": "10Gi"},
        "allocatedResourceStatuses": {"storage": "ControllerResizeInfeasible"},
        "conditions": [{"type": "ControllerResizeError", "status": "True", "message": "the pool is full"}],
    });
    let said = stuck(&planned("{postgres: {managed: {storage: 20Gi}}}"), &cluster(live)).expect("it can't");
    assert!(said.contains("the pool is full"), "{said}");
}

#[test]
fn how_far_a_volume_has_grown_is_said_until_it_has() {
    assert_eq!(growing(&claim("10Gi")), None);
    let mut live = claim("20Gi");
    live["status"]["capacity"]["storage"] = "10Gi".into();
    for (kind, says) in
        [("Resizing", "driver is at work"), ("FileSystemResizePending", "(FileSystemResizePending)")]
    {
        live["status"]["conditions"] = json!([{"type": kind, "status": "True"}]);
        let said = growing(&live).expect("it grows");
        assert!(said.contains("grows from 10Gi to 20Gi") && said.contains(says), "{said}");
    }
}
