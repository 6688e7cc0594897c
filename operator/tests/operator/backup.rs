//! Backups and restores as they are planned.

use operator::plan::{Plan, RESTORED};
use serde_json::Value;

use super::plan::planned;

const BUCKET: &str = r#"
    backup:
      schedule: "0 3 * * *"
      timeZone: Europe/Vienna
      retention: {keepLast: 14, maxAge: 30d}
      to:
        s3:
          endpoint: https://s3.example.com
          bucket: backups
          secretRef: {name: bucket-keys}
          caSecretRef: {name: bucket-ca}
"#;
const VOLUME: &str = r#"backup: {schedule: "0 3 * * *", to: {volume: {storage: 5Gi, storageClass: slow}}}"#;
const RESTORE: &str = "restore: {backup: 20261124T030000Z}";

fn object<'a>(plan: &'a Plan, unit: &str, kind: &str) -> &'a Value {
    let unit = plan.unit(unit).expect("a unit of every plan");
    unit.objects.iter().find(|o| o["kind"] == kind).expect("it has one")
}

#[test]
fn a_backup_to_a_bucket_reads_with_an_account_that_can_only_read() {
    let plan = planned(BUCKET);
    insta::assert_yaml_snapshot!(plan.unit("backup"));
    let text = serde_json::to_string(object(&plan, "backup", "CronJob")).expect("JSON");
    assert!(!text.contains("-admin"), "an administrator's Secret is within reach: {text}");
}

#[test]
fn a_restore_comes_before_every_service_and_loads_as_the_administrators() {
    let plan = planned(&format!("{VOLUME}\n{RESTORE}"));
    insta::assert_yaml_snapshot!([plan.unit("backup"), plan.unit("restore")]);
    for name in ["auth", "user", "gateway"] {
        let unit = plan.unit(name).expect("a service");
        assert!(unit.needs.iter().any(|need| need.on == "restore" && need.hard), "{unit:?}");
        let template = &object(&plan, name, "Deployment")["spec"]["template"];
        assert_eq!(template["metadata"]["annotations"][RESTORED], "20261124T030000Z/1");
    }
}

#[test]
fn who_wants_no_backups_has_nothing_of_them_anywhere() {
    let plan = planned("{}");
    for name in ["backup", "restore"] {
        let unit = plan.unit(name).expect("a unit of every plan");
        assert!(!unit.enabled && unit.objects.is_empty() && unit.secrets.is_empty(), "{unit:?}");
    }
    let text =
        serde_json::to_string(&plan.units.iter().map(|u| &u.objects).collect::<Vec<_>>()).expect("JSON");
    assert!(!text.contains("backup") && !text.contains("reader"), "{text}");
}

/// What runs elsewhere is somebody else's to back up.
#[test]
fn only_stores_that_the_operator_runs_are_backed_up() {
    let external = "redis: {external: {host: r, secretRef: {name: s}}}";
    let plan = planned(&format!("{VOLUME}\n{RESTORE}\n{external}"));
    for (unit, kind, path) in [
        ("backup", "CronJob", "/spec/jobTemplate/spec/template/spec/initContainers"),
        ("restore", "Job", "/spec/template/spec/initContainers"),
    ] {
        let steps = object(&plan, unit, kind).pointer(path).and_then(Value::as_array).expect("steps");
        let names: Vec<&str> = steps.iter().filter_map(|step| step["name"].as_str()).collect();
        assert_eq!(names, ["begin", "postgres"], "{unit}");
    }
    let document =
        object(&plan, "provision", "ConfigMap")["data"]["provision.json"].as_str().expect("a file");
    assert_eq!(document.matches("readerPasswordFile").count(), 1, "{document}");
}

/// CloudNativePG has backups of its own, and takes connections with TLS only.
#[test]
fn a_store_in_the_care_of_another_operator_is_not_backed_up() {
    let replicated = "postgres: {cloudNativePg: {}}";
    let plan = planned(&format!("{VOLUME}\n{RESTORE}\n{replicated}"));
    for (unit, path) in
        [("backup", "/spec/jobTemplate/spec/template/spec"), ("restore", "/spec/template/spec")]
    {
        let kind = if unit == "backup" { "CronJob" } else { "Job" };
        let pod = object(&plan, unit, kind).pointer(path).expect("a pod");
        let steps = pod["initContainers"].as_array().expect("steps");
        let names: Vec<&str> = steps.iter().filter_map(|step| step["name"].as_str()).collect();
        assert_eq!(names, ["begin", "redis"], "{unit}");
        assert!(!pod.to_string().contains("-superuser"), "{pod}");
    }
}

/// The dump of a store needs that store's own programs.
#[test]
fn a_step_runs_in_the_image_of_its_store() {
    let plan = planned(&format!("{VOLUME}\npostgres: {{managed: {{image: example.com/pg:17}}}}"));
    let steps = &object(&plan, "backup", "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let image = |n: usize| steps["initContainers"][n]["image"].as_str().expect("an image");
    assert_eq!(
        (image(0), image(1), image(2)),
        (super::plan::IMAGE, "example.com/pg:17", "docker.io/library/redis:8")
    );
}

#[test]
fn backups_and_restores_may_connect_to_their_stores_and_bucket_and_to_nothing_else() {
    let plan = planned(&format!("{BUCKET}    {RESTORE}\n    networkPolicies: {{}}"));
    for unit in ["backup", "restore"] {
        let spec = &object(&plan, unit, "NetworkPolicy")["spec"];
        assert!(spec["ingress"].is_null(), "{spec}");
        let opened: Vec<(&str, u64)> = spec["egress"].as_array().expect("rules").iter().map(port).collect();
        assert_eq!(opened, [("postgres", 5432), ("redis", 6379), ("", 53), ("", 443)], "{unit}");
    }
    for (store, may) in [("postgres", true), ("redis", true), ("rabbitmq", false)] {
        let taken = object(&plan, store, "NetworkPolicy")["spec"]["ingress"][0]["from"].to_string();
        assert_eq!(taken.contains("\"restore\"") && taken.contains("\"backup\""), may, "{store}: {taken}");
    }
}

/// To which unit, and at which port.
fn port(rule: &Value) -> (&str, u64) {
    let unit = &rule["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"];
    (unit.as_str().unwrap_or_default(), rule["ports"][0]["port"].as_u64().expect("a port"))
}
