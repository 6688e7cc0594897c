//! What is said about backups, and what is bound late for them.

use k8s_openapi::jiff::Timestamp;
use operator::api::{OrionPlatformStatus, examples::platform};
use operator::controller::backups::{CURRENT, partial, report, turn};
use operator::controller::bind::{self, SecretData};
use operator::controller::cache::Children;
use operator::controller::kinds::Kind;
use operator::controller::observe::{difference, units};
use operator::controller::turns::Turn;
use operator::controller::volumes::{STORE_VERSION, bind as bind_volume, stuck};
use operator::plan::{KEYS, RESTORED};
use operator::validate::stores::refused;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plan::planned;

const SPEC: &str =
    r#"{backup: {schedule: "0 3 * * *", to: {volume: {}}}, restore: {backup: 20261101T030000Z}}"#;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The CronJob with this status, and pods, each as (when it was made, its phase, what it has said).
fn children(status: Value, pods: &[(&str, &str, &str)]) -> Children {
    let labels = json!({"app.kubernetes.io/name": "backup", "app.kubernetes.io/instance": "orion"});
    let job = json!({
        "kind": "CronJob",
        "metadata": {"name": "orion-backup", "labels": labels, "creationTimestamp": "2026-11-01T00:00:00Z"},
        "status": status,
    });
    let pod = |(made, phase, said): &(&str, &str, &str)| {
        let ended = json!({"exitCode": i32::from(*phase != "Succeeded"), "message": said});
        let pod = json!({
            "kind": "Pod",
            "metadata": {"name": made, "labels": labels, "creationTimestamp": made},
            "status": {"phase": phase, "containerStatuses": [{"name": "commit", "state": {"terminated": ended}}]},
        });
        (("Pod", (*made).to_owned()), Arc::new(pod))
    };
    let mut children: Children = pods.iter().map(pod).collect();
    children.insert(("CronJob", "orion-backup".to_owned()), Arc::new(job));
    children
}

fn reported(before: &OrionPlatformStatus, children: &Children, now: &str) -> OrionPlatformStatus {
    reported_of(SPEC, before, children, now)
}

fn reported_of(
    spec: &str,
    before: &OrionPlatformStatus,
    children: &Children,
    now: &str,
) -> OrionPlatformStatus {
    let mut status = before.clone();
    report(&mut status, before, &platform("shop", "orion", spec).spec, children, at(now));
    status
}

fn current(status: &OrionPlatformStatus) -> (&str, &str, &str) {
    let condition = status.conditions.iter().find(|c| c.type_ == CURRENT).expect("there is one");
    (&condition.status, &condition.reason, &condition.message)
}

fn told(warning: bool, reason: &str, note: &str) -> Option<Turn> {
    Some(Turn { warning, reason: reason.to_owned(), note: note.to_owned() })
}

const DONE: &str = "20261102T030000Z: 4 files, 100 bytes; 0 older backups removed\n";

#[test]
fn a_backup_that_is_complete_is_named_and_told_once() {
    let empty = OrionPlatformStatus::default();
    let young = reported(&empty, &children(json!({}), &[]), "2026-11-01T01:00:00Z");
    assert_eq!(current(&young), ("True", "NotDueYet", "no backup was due yet"));
    let done =
        json!({"lastScheduleTime": "2026-11-02T03:00:00Z", "lastSuccessfulTime": "2026-11-02T03:01:00Z"});
    let done = children(done, &[("2026-11-02T03:00:00Z", "Succeeded", DONE)]);
    let status = reported(&young, &done, "2026-11-02T03:02:00Z");
    assert_eq!(current(&status), ("True", "BackupComplete", DONE.trim()));
    let backup = status.backup.as_ref().expect("it is known");
    assert_eq!(backup.last_backup.as_deref(), Some("20261102T030000Z"));
    assert!(backup.last_failed.is_none());
    assert_eq!(turn(&young, &status), told(false, "BackupComplete", DONE.trim()));
    assert_eq!(turn(&status, &status), None);
    // A status that says nothing new is not written.
    assert_eq!(reported(&status, &done, "2026-11-02T09:00:00Z"), status);
    // What was known stays when the pod is gone.
    let gone = children(json!({"lastSuccessfulTime": "2026-11-02T03:01:00Z"}), &[]);
    assert_eq!(reported(&status, &gone, "2026-11-02T09:00:00Z").backup, status.backup);
}

#[test]
fn a_backup_that_fails_says_why_until_one_is_complete() {
    let running = json!({"lastScheduleTime": "2026-11-02T03:00:00Z", "active": [{"name": "orion-backup-1"}]});
    let empty = OrionPlatformStatus::default();
    let status = reported(&empty, &children(running, &[]), "2026-11-02T03:00:10Z");
    assert_eq!(current(&status).0, "True");
    let scheduled = json!({"lastScheduleTime": "2026-11-02T03:00:00Z"});
    let failed = children(scheduled, &[("2026-11-02T03:00:00Z", "Failed", "s3 x: NoSuchBucket")]);
    let failed = reported(&status, &failed, "2026-11-02T03:05:00Z");
    let why = "exit 1: s3 x: NoSuchBucket";
    assert_eq!(current(&failed), ("False", "BackupFailed", why));
    assert_eq!(turn(&status, &failed), told(true, "BackupFailed", why));
    assert_eq!(turn(&failed, &failed), None);
    let mended =
        json!({"lastScheduleTime": "2026-11-03T03:00:00Z", "lastSuccessfulTime": "2026-11-03T03:01:00Z"});
    let mended = children(mended, &[("2026-11-03T03:00:00Z", "Succeeded", DONE)]);
    let mended = reported(&failed, &mended, "2026-11-03T03:02:00Z");
    assert_eq!(current(&mended).1, "BackupComplete");
    assert!(mended.backup.expect("it is known").last_failed.is_some(), "it did fail once");
}

#[test]
fn backups_are_overdue_when_two_have_had_their_time_and_none_came() {
    let never = reported(&OrionPlatformStatus::default(), &children(json!({}), &[]), "2026-11-03T00:00:01Z");
    assert_eq!(current(&never).1, "BackupOverdue");
    let last =
        json!({"lastScheduleTime": "2026-11-02T03:00:00Z", "lastSuccessfulTime": "2026-11-02T03:01:00Z"});
    let last = children(last, &[]);
    assert_eq!(current(&reported(&never, &last, "2026-11-04T03:01:00Z")).1, "BackupComplete");
    let late = reported(&never, &last, "2026-11-04T03:01:01Z");
    assert_eq!(
        current(&late),
        (
            "False",
            "BackupOverdue",
            "the last backup is of 2026-11-02T03:01:00Z: more than two times have passed since"
        )
    );
}

#[test]
fn without_backups_nothing_is_said_of_them() {
    let empty = OrionPlatformStatus::default();
    let known = reported(&empty, &children(json!({}), &[]), "2026-11-01T01:00:00Z");
    let mut status = known.clone();
    let nothing = platform("shop", "orion", "{}").spec;
    report(&mut status, &known, &nothing, &Children::new(), at("2026-11-01T01:00:00Z"));
    assert_eq!(status, empty);
}

#[test]
fn a_backup_without_a_store_that_others_run_says_so_and_warns_once() {
    let empty = OrionPlatformStatus::default();
    let never = children(json!({}), &[]);
    for (store, way) in [
        ("postgres", "external: {host: db, secretRef: {name: db}}"),
        ("postgres", "cloudNativePg: {}"),
        ("redis", "external: {host: r, secretRef: {name: r}}"),
    ] {
        let spec =
            format!(r#"{{backup: {{schedule: "0 3 * * *", to: {{volume: {{}}}}}}, {store}: {{{way}}}}}"#);
        let status = reported_of(&spec, &empty, &never, "2026-11-01T01:00:00Z");
        let word = way.split(':').next().expect("a word");
        let says =
            format!("no backup was due yet; not in it: {store} ({word}), to be backed up where it runs");
        assert_eq!(current(&status), ("True", "NotDueYet", says.as_str()));
        assert_eq!(status.backup.clone().expect("it is known").left_out, [store]);
        let told = partial(&empty, &status).expect("it is told");
        assert!(told.warning && told.reason == "BackupPartial" && told.note.contains(store), "{told:?}");
        assert_eq!(partial(&status, &status), None);
    }
    assert_eq!(partial(&empty, &reported(&empty, &never, "2026-11-01T01:00:00Z")), None);
}

fn key_of(value: &str) -> SecretData {
    let data = BTreeMap::from([("key-encryption-key".to_owned(), value.to_owned())]);
    SecretData::from([("orion-auth-keys".to_owned(), data)])
}

#[test]
fn a_pod_is_told_which_keys_there_are_and_other_keys_make_another_restore() {
    let plan = planned(SPEC);
    let bound = |unit: &str, kind: &str, secrets: &SecretData| {
        let objects = bind::objects(plan.unit(unit).expect("a unit"), "0.1.0", secrets, &Children::new());
        objects.into_iter().find(|o| o["kind"] == kind).expect("it has one")
    };
    let cron = |secrets: &SecretData| {
        let job = bound("backup", "CronJob", secrets);
        job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["annotations"][KEYS].clone()
    };
    let restore = |secrets: &SecretData| {
        let job = bound("restore", "Job", secrets);
        (job["metadata"]["name"].clone(), job["spec"]["template"]["metadata"]["annotations"][KEYS].clone())
    };
    let (none, one, other) = (SecretData::new(), key_of("one"), key_of("other"));
    assert_eq!(cron(&none), "");
    assert_eq!(cron(&one), restore(&one).1);
    assert_ne!(cron(&one), cron(&other));
    assert!(!cron(&one).to_string().contains("one"));
    let names = [restore(&none).0, restore(&one).0, restore(&other).0];
    assert!(names[0] != names[1] && names[1] != names[2], "{names:?}");
    assert!(
        names.iter().all(|name| name.as_str().is_some_and(|n| n.starts_with("orion-restore-"))),
        "{names:?}"
    );
}

#[test]
fn a_wish_to_restore_that_is_taken_back_restarts_nothing() {
    let bound = |spec: &str, live: &Children| {
        let plan = planned(spec);
        let objects = bind::objects(plan.unit("auth").expect("a unit"), "0.1.0", &SecretData::new(), live);
        objects.into_iter().find(|o| o["kind"] == "Deployment").expect("it has one")
    };
    let restored = bound(SPEC, &Children::new());
    let live = Children::from([(("Deployment", "orion-auth".to_owned()), Arc::new(restored.clone()))]);
    assert_eq!(bound("{}", &live), restored);
    let again = bound(&SPEC.replace("20261101", "20261102"), &live);
    assert_eq!(again["spec"]["template"]["metadata"]["annotations"][RESTORED], "20261102T030000Z/1");
    assert!(bound("{}", &Children::new())["spec"]["template"]["metadata"]["annotations"][RESTORED].is_null());
}

/// Where volumes wait for their first pod, that of the backups waits for the first backup: nobody else waits for it.
#[test]
fn a_volume_for_backups_may_wait_for_the_first_backup() {
    let plan = planned(r#"{backup: {schedule: "0 3 * * *", to: {volume: {storage: 20Gi}}}}"#);
    let unit = plan.unit("backup").expect("a unit of every plan");
    let data: SecretData = unit.secrets.iter().map(|secret| (secret.name.clone(), BTreeMap::new())).collect();
    let mut there = Children::new();
    for mut object in bind::objects(unit, "1.0.0", &data, &there) {
        if object["kind"] == "PersistentVolumeClaim" {
            object["spec"]["resources"]["requests"]["storage"] = "10Gi".into();
            object["status"] = json!({"phase": "Pending"});
        }
        let kind = Kind::named(object["kind"].as_str().expect("a kind")).expect("a kind of plans").kind;
        there.insert(
            (kind, object["metadata"]["name"].as_str().expect("a name").to_owned()),
            Arc::new(object),
        );
    }
    let claim = ("PersistentVolumeClaim", "orion-backup-data".to_owned());
    assert!(there.contains_key(&claim), "{:?}", there.keys());
    let observed = units(&plan, "1.0.0", &data, &there);
    let observed = observed.iter().find(|unit| unit.name == "backup").expect("it is planned");
    assert!(observed.readiness.settled && observed.readiness.serving, "{:?}", observed.readiness);
    assert_eq!(observed.cause, None);
    assert_eq!(stuck(&plan, &there), None);
    // It can't grow before it has a volume, and is as it is to be.
    let waits =
        unit.objects.iter().find(|object| object["kind"] == "PersistentVolumeClaim").expect("a claim");
    let mut waits = waits.clone();
    bind_volume(&mut waits, there.get(&claim).map(AsRef::as_ref));
    assert_eq!(difference(&waits, &there), None);
}

/// A claim for backups says nothing of a store's data, whatever is written on it; its size and class are kept.
#[test]
fn a_volume_for_backups_keeps_its_size_and_its_class_and_is_no_stores_volume() {
    let spec = r#"{backup: {schedule: "0 3 * * *", to: {volume: {storage: 1Gi, storageClass: slow}}}}"#;
    let shop = platform("shop", "orion", spec);
    let claim = json!({
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "orion-backup-data", "annotations": {STORE_VERSION: "9"}},
        "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "100Gi"}}},
    });
    let there =
        Children::from([(("PersistentVolumeClaim", "orion-backup-data".to_owned()), Arc::new(claim))]);
    let said: Vec<String> = refused(&shop, &there).iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("spec.backup.to.volume.storage: 1Gi is less than the 100Gi of"), "{said:?}");
    assert!(
        said[1].starts_with("spec.backup.to.volume.storageClass: volume claim orion-backup-data"),
        "{said:?}"
    );
    assert!(said[1].contains("write fast") && said[1].contains("claimName"), "{said:?}");
    for fine in ["{}", "{storage: 200Gi, storageClass: fast}", "{claimName: mine}"] {
        let spec = format!(r#"{{backup: {{schedule: "0 3 * * *", to: {{volume: {fine}}}}}}}"#);
        assert_eq!(refused(&platform("shop", "orion", &spec), &there), [], "{fine}");
    }
}
