//! What is taken away, and when.

use catalog::Tier;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use operator::api::{DeletionPolicy, Health};
use operator::controller::cache::Children;
use operator::controller::delete::{Step, always_kept, left, next};
use operator::controller::namespace::in_doubt;
use operator::controller::observe::Observed;
use operator::controller::prune::superfluous;
use operator::controller::readiness::Readiness;
use operator::plan::UnitKind;
use operator::rollout::Live;
use serde_json::{Value, json};
use std::sync::Arc;

fn object(kind: &str, name: &str, unit: &str, tier: u8) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "namespace": "ns", "labels": {
        "app.kubernetes.io/name": unit, "app.kubernetes.io/instance": "orion", "orion.dev/tier": tier.to_string(),
    }}})
}

fn data(mut object: Value) -> Value {
    object["metadata"]["labels"]["orion.dev/data"] = "true".into();
    object
}

const KINDS: [&str; 7] =
    ["Deployment", "StatefulSet", "Pod", "Service", "ConfigMap", "Secret", "PersistentVolumeClaim"];

fn children(objects: Vec<Value>) -> Children {
    let with_key = |object: Value| {
        let kind = KINDS
            .into_iter()
            .chain(["Job", "CronJob", "HorizontalPodAutoscaler"])
            .find(|k| object["kind"] == *k)
            .expect("a kind");
        ((kind, object["metadata"]["name"].as_str().expect("a name").to_owned()), Arc::new(object))
    };
    objects.into_iter().map(with_key).collect()
}

fn names(objects: &[&Value]) -> Vec<String> {
    objects.iter().map(|o| format!("{} {}", o["kind"], o["metadata"]["name"]).replace('"', "")).collect()
}

fn platform() -> Vec<Value> {
    vec![
        object("StatefulSet", "orion-postgres", "postgres", 0),
        object("Pod", "orion-postgres-0", "postgres", 0),
        data(object("PersistentVolumeClaim", "orion-postgres-data", "postgres", 0)),
        data(object("Secret", "orion-postgres-admin", "postgres", 0)),
        object("Deployment", "orion-auth", "auth", 2),
        object("Pod", "orion-auth-1", "auth", 2),
        object("Service", "orion-auth", "auth", 2),
        object("Secret", "orion-auth-credentials", "auth", 2),
    ]
}

fn without(objects: Vec<Value>, names: &[&str]) -> Vec<Value> {
    objects
        .into_iter()
        .filter(|o| {
            !names.iter().any(|n| format!("{} {}", o["kind"], o["metadata"]["name"]).replace('"', "") == *n)
        })
        .collect()
}

#[test]
fn the_highest_tier_goes_first_and_its_last_pod_is_waited_for() {
    let all = children(platform());
    assert!(
        matches!(next(&all, DeletionPolicy::Delete), Step::Tier(o) if names(&o) == ["Deployment orion-auth"])
    );
    assert_eq!(left(&all), [(0, vec!["postgres".to_owned()]), (2, vec!["auth".to_owned()])]);
    let pods_only = children(without(platform(), &["Deployment orion-auth"]));
    assert!(matches!(next(&pods_only, DeletionPolicy::Delete), Step::Tier(o) if o.is_empty()));
    let below = children(without(platform(), &["Deployment orion-auth", "Pod orion-auth-1"]));
    assert!(
        matches!(next(&below, DeletionPolicy::Delete), Step::Tier(o) if names(&o) == ["StatefulSet orion-postgres"])
    );
}

#[test]
fn what_is_leaving_already_is_waited_for_and_not_deleted_again() {
    let mut objects = platform();
    objects[4]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    assert!(matches!(next(&children(objects), DeletionPolicy::Delete), Step::Tier(o) if o.is_empty()));
}

fn at_rest() -> Children {
    let running =
        ["StatefulSet orion-postgres", "Pod orion-postgres-0", "Deployment orion-auth", "Pod orion-auth-1"];
    children(without(platform(), &running))
}

#[test]
fn the_data_and_its_keys_are_kept_if_so_wanted() {
    let all = at_rest();
    let Step::Rest(objects) = next(&all, DeletionPolicy::RetainData) else { panic!("there is a rest") };
    assert_eq!(names(&objects), ["Secret orion-auth-credentials", "Service orion-auth"]);
    let Step::Rest(objects) = next(&all, DeletionPolicy::Delete) else { panic!("there is a rest") };
    assert_eq!(objects.len(), 4);
}

#[test]
fn the_keys_to_data_in_an_external_store_stay_under_either_policy() {
    let mut keys = object("Secret", "orion-auth-keys", "auth", 2);
    keys["metadata"]["labels"]["orion.dev/data"] = "external".into();
    let all = children(vec![keys.clone(), object("Secret", "orion-auth-credentials", "auth", 2)]);
    assert_eq!(always_kept(&all), ["orion-auth-keys"]);
    for policy in [DeletionPolicy::Delete, DeletionPolicy::RetainData] {
        let Step::Rest(objects) = next(&all, policy) else { panic!("there is a rest") };
        assert_eq!(names(&objects), ["Secret orion-auth-credentials"]);
        assert_eq!(next(&children(vec![keys.clone()]), policy), Step::Done);
    }
}

#[test]
fn it_is_done_when_only_what_is_kept_is_left() {
    let kept = children(vec![data(object("PersistentVolumeClaim", "orion-postgres-data", "postgres", 0))]);
    assert_eq!(next(&kept, DeletionPolicy::RetainData), Step::Done);
    assert_ne!(next(&kept, DeletionPolicy::Delete), Step::Done);
}

#[test]
fn the_namespace_is_in_doubt_only_while_something_leaves() {
    let mut platform = operator::api::examples::platform("ns", "orion", "{}");
    let mut objects = self::platform();
    assert!(!in_doubt(&platform, &children(objects.clone())), "a steady platform asks for nothing");
    objects[1]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    assert!(in_doubt(&platform, &children(objects)), "a pod leaves");
    platform.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    assert!(in_doubt(&platform, &Children::new()), "the platform itself leaves");
}

fn observed(name: &str, tier: Tier, objects: Vec<Value>, settled: bool) -> Observed {
    Observed {
        name: name.to_owned(),
        kind: UnitKind::Service,
        tier,
        needs: Vec::new(),
        live: Live::Current,
        readiness: Readiness { settled, ..Readiness::default() },
        image: None,
        health: Health::Unknown,
        cause: None,
        lacks: None,
        held: None,
        objects,
    }
}

#[test]
fn what_is_switched_off_goes_from_the_top_and_keeps_its_secrets_and_volumes() {
    let mut objects = platform();
    objects.push(object("Deployment", "orion-user", "user", 3));
    objects.push(object("Service", "orion-user", "user", 3));
    let all = children(objects.clone());
    assert_eq!(names(&superfluous(&all, &[], &[])), ["Deployment orion-user", "Service orion-user"]);
    let user_gone = children(platform());
    assert_eq!(names(&superfluous(&user_gone, &[], &[])), ["Deployment orion-auth", "Service orion-auth"]);
    let mut made = object("Job", "orion-backup-29000000", "backup", 0);
    made["metadata"]["ownerReferences"] =
        json!([{"kind": "CronJob", "name": "orion-backup", "controller": true}]);
    assert!(superfluous(&children(vec![made]), &[], &[]).is_empty(), "it goes with its CronJob");
    let running = children(without(platform(), &["Deployment orion-auth", "Service orion-auth"]));
    assert!(superfluous(&running, &[], &[]).is_empty(), "a pod of auth is still there");
    assert!(
        superfluous(&at_rest(), &[], &["orion-auth".to_owned()]).is_empty(),
        "it is the controller's own"
    );
}

#[test]
fn what_is_planned_stays() {
    let planned = vec![object("StatefulSet", "orion-postgres", "postgres", 0)];
    let units = [observed("postgres", Tier::Data, planned.clone(), false)];
    assert!(superfluous(&children(planned), &units, &[]).is_empty());
}

#[test]
fn the_old_provision_job_goes_when_the_new_one_is_done() {
    let (old, new) = (
        object("Job", "orion-provision-1", "provision", 0),
        object("Job", "orion-provision-2", "provision", 0),
    );
    let all = children(vec![old, new.clone()]);
    let unit = |settled| [observed("provision", Tier::Data, vec![new.clone()], settled)];
    assert!(superfluous(&all, &unit(false), &[]).is_empty());
    assert_eq!(names(&superfluous(&all, &unit(true), &[])), ["Job orion-provision-1"]);
}

/// Otherwise nobody could come in while what is to take its place waits for its kind.
#[test]
fn the_old_way_in_goes_when_the_new_one_can_be_made() {
    let objects = vec![object("Deployment", "orion-gateway", "gateway", 4)];
    let old = object("Service", "orion-gateway-external", "gateway", 4);
    let all = children([objects.clone(), vec![old]].concat());
    let mut units = [observed("gateway", Tier::Gateway, objects, true)];
    units[0].lacks = Some("the cluster has no HTTPRoute".to_owned());
    assert!(superfluous(&all, &units, &[]).is_empty());
    units[0].lacks = None;
    assert_eq!(names(&superfluous(&all, &units, &[])), ["Service orion-gateway-external"]);
}

/// Moved to a PostgreSQL elsewhere.
#[test]
fn a_store_that_is_left_goes_when_all_that_need_it_have_moved_and_its_volume_stays() {
    let all = children(platform());
    let planned = |unit: &str| -> Vec<Value> {
        platform().into_iter().filter(|o| o["metadata"]["labels"]["app.kubernetes.io/name"] == unit).collect()
    };
    let units = |moved| {
        let mut store = observed("postgres", Tier::Data, Vec::new(), true);
        store.kind = UnitKind::Store;
        let mut auth = observed("auth", Tier::Auth, planned("auth"), moved);
        auth.needs = vec!["postgres".to_owned()];
        [store, auth]
    };
    assert!(superfluous(&all, &units(false), &[]).is_empty());
    assert_eq!(names(&superfluous(&all, &units(true), &[])), ["StatefulSet orion-postgres"]);
}

#[test]
fn an_autoscaler_goes_at_once_when_it_is_planned_no_longer_and_with_what_it_scales() {
    let mut objects = platform();
    objects.push(object("HorizontalPodAutoscaler", "orion-auth", "auth", 2));
    let all = children(objects);
    let kept: Vec<Value> =
        platform().into_iter().filter(|o| o["metadata"]["labels"]["orion.dev/tier"] == "2").collect();
    let stores = vec![object("StatefulSet", "orion-postgres", "postgres", 0)];
    let units = [observed("postgres", Tier::Data, stores, true), observed("auth", Tier::Auth, kept, false)];
    assert_eq!(names(&superfluous(&all, &units, &[])), ["HorizontalPodAutoscaler orion-auth"]);
    let Step::Tier(step) = next(&all, DeletionPolicy::Delete) else { panic!("auth runs") };
    assert_eq!(names(&step), ["Deployment orion-auth", "HorizontalPodAutoscaler orion-auth"]);
}

/// What it has loaded already would take the place of what was asked for since.
#[test]
fn a_restore_that_is_wanted_no_longer_goes_at_once() {
    let (old, new) =
        (object("Job", "orion-restore-1", "restore", 0), object("Job", "orion-restore-2", "restore", 0));
    let all = children(vec![old, new.clone(), object("Deployment", "orion-old", "old", 5)]);
    let units = [observed("restore", Tier::Data, vec![new], false)];
    assert_eq!(names(&superfluous(&all, &units, &[])), ["Deployment orion-old", "Job orion-restore-1"]);
}

#[test]
fn backups_stay_whatever_becomes_of_the_stores_volumes() {
    let mut claim = object("PersistentVolumeClaim", "orion-backup-data", "backup", 0);
    claim["metadata"]["labels"]["orion.dev/data"] = "backup".into();
    let all = children(vec![claim, object("CronJob", "orion-backup", "backup", 0)]);
    for policy in [DeletionPolicy::RetainData, DeletionPolicy::Delete] {
        let Step::Rest(rest) = next(&all, policy) else { panic!("nothing runs") };
        assert_eq!(names(&rest), ["CronJob orion-backup"]);
    }
}
