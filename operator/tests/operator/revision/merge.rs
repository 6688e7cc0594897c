//! An edit while updates are for a person to approve: what an older operator made stays, and the edit goes through.

use super::rendered;
use operator::plan::{CONFIG_HASH, Plan};
use operator::revision::merge;
use serde_json::{Value, json};

fn object<'a>(plan: &'a Plan, unit: &str, kind: &str) -> &'a Value {
    let unit = plan.unit(unit).expect("a unit");
    unit.objects.iter().find(|o| o["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

fn container(plan: &Plan, unit: &str) -> Value {
    object(plan, unit, "Deployment")["spec"]["template"]["spec"]["containers"][0].clone()
}

fn hash(plan: &Plan, unit: &str) -> Value {
    object(plan, unit, "Deployment")["spec"]["template"]["metadata"]["annotations"][CONFIG_HASH].clone()
}

const OLD: &str = "0.0.9";
const NEW: &str = "0.1.0";
const EDIT: &str = "{services: [{name: user, replicas: 3, env: [{name: ORION_LOG, value: debug}]}]}";

fn edited(from: &str, to: &str) -> Result<Plan, Vec<operator::revision::Conflict>> {
    merge(&rendered(from, OLD).plan, &rendered(from, NEW).plan, &rendered(to, NEW).plan)
}

#[test]
fn an_edit_changes_what_it_says_and_no_image() {
    let stored = rendered("{}", OLD).plan;
    let merged = edited("{}", EDIT).expect("no conflict");
    assert_eq!(object(&merged, "user", "Deployment")["spec"]["replicas"], 3);
    let user = container(&merged, "user");
    assert_eq!(user["image"], container(&stored, "user")["image"]);
    let variables = user["env"].as_array().expect("variables");
    assert!(variables.contains(&json!({"name": "ORION_LOG", "value": "debug"})));
    assert_ne!(hash(&merged, "user"), hash(&stored, "user"), "the pods have to roll");
    for unit in stored.units.iter().filter(|u| u.name != "user") {
        assert_eq!(merged.unit(&unit.name), Some(unit), "{} is not in the edit", unit.name);
    }
    assert_eq!(
        merged,
        rendered(EDIT, OLD).plan.with_hash_of(&merged),
        "as the older operator would have done"
    );
}

#[test]
fn a_service_is_switched_off_and_its_account_is_no_longer_provisioned() {
    let merged = edited("{}", "{services: [{name: gateway, enabled: false}]}").expect("no conflict");
    let gateway = merged.unit("gateway").expect("still in the plan, to be removed");
    assert!(!gateway.enabled && gateway.objects.is_empty());
    let document = object(&merged, "provision", "ConfigMap")["data"]["provision.json"].to_string();
    assert!(document.contains("auth_db") && !document.contains("gateway"), "{document}");
    let image = &object(&merged, "provision", "Job")["spec"]["template"]["spec"]["containers"][0]["image"];
    assert!(image.as_str().is_some_and(|image| image.ends_with(OLD)), "{image}");
}

#[test]
fn a_setting_that_is_taken_back_goes_away() {
    let merged = edited(EDIT, "{}").expect("no conflict");
    let variables = container(&merged, "user")["env"].clone();
    assert!(!variables.to_string().contains("ORION_LOG"), "{variables}");
    assert_eq!(object(&merged, "user", "Deployment")["spec"]["replicas"], 1);
}

#[test]
fn what_the_older_operator_made_otherwise_is_a_conflict_that_names_the_place() {
    let mut stored = rendered("{}", OLD).plan;
    let user = stored.units.iter_mut().find(|u| u.name == "user").expect("a unit");
    let deployment = user.objects.iter_mut().find(|o| o["kind"] == "Deployment").expect("a Deployment");
    deployment["spec"]["replicas"] = json!(2);
    let conflicts =
        merge(&stored, &rendered("{}", NEW).plan, &rendered(EDIT, NEW).plan).expect_err("a conflict");
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert!(conflicts[0].to_string().starts_with("user.Deployment.spec.replicas differs"), "{conflicts:?}");
}

#[test]
fn an_edit_of_what_only_the_newer_operator_has_waits_for_its_approval() {
    let mut stored = rendered("{}", OLD).plan;
    let mut old = rendered("{}", NEW).plan;
    stored.units.retain(|unit| unit.name != "gateway");
    old.units.retain(|unit| unit.name != "gateway");
    let conflicts = merge(&stored, &old, &rendered("{}", NEW).plan).expect_err("a conflict");
    assert_eq!(conflicts[0].to_string(), "gateway comes with the newer operator only");
}

trait WithHash {
    fn with_hash_of(self, other: &Plan) -> Plan;
}

impl WithHash for Plan {
    /// The hash on the pods says only that something changed.
    fn with_hash_of(mut self, other: &Plan) -> Plan {
        for unit in &mut self.units {
            for object in unit.objects.iter_mut().filter(|o| o["kind"] == "Deployment") {
                let theirs = object_hash(other, &unit.name);
                object["spec"]["template"]["metadata"]["annotations"][CONFIG_HASH] = theirs;
            }
        }
        self
    }
}

fn object_hash(plan: &Plan, unit: &str) -> Value {
    hash(plan, unit)
}
