//! What Secrets come to hold.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use operator::controller::bind::{self, SecretData};
use operator::controller::cache::Children;
use operator::controller::secrets::{changes, complete, foreign, labelled, lacking, missing, random};
use operator::plan::{SecretKey, SecretSpec, Unit, UnitKind};
use operator::rotation::Turn;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

fn spec(keys: &[(&str, SecretKey)]) -> SecretSpec {
    SecretSpec {
        name: "orion-auth-credentials".to_owned(),
        unit: "auth".to_owned(),
        labels: BTreeMap::new(),
        keys: keys.iter().map(|(name, key)| ((*name).to_owned(), key.clone())).collect(),
        second: Vec::new(),
    }
}

fn data(name: &str, keys: &[(&str, &str)]) -> SecretData {
    let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), STANDARD.encode(value)));
    SecretData::from([(name.to_owned(), keys.collect())])
}

fn url(host: &str) -> SecretKey {
    SecretKey::Template(format!("redis://auth:${{redis-password}}@{host}:6379"))
}

/// Values as text.
fn changed(spec: &SecretSpec, data: &SecretData) -> BTreeMap<String, String> {
    let changes = changes(spec, &Turn::default(), data, &mut |_| "made".to_owned()).expect("it can be made");
    let text = |value: &String| String::from_utf8(STANDARD.decode(value).expect("base64")).expect("text");
    changes.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

#[test]
fn a_password_is_made_once_and_the_url_has_it() {
    let spec = spec(&[("redis-url", url("orion-redis")), ("redis-password", SecretKey::Password)]);
    let made = changed(&spec, &SecretData::new());
    assert_eq!(made["redis-password"], "made");
    assert_eq!(made["redis-url"], "redis://auth:made@orion-redis:6379");
    let there =
        data(&spec.name, &[("redis-password", "made"), ("redis-url", "redis://auth:made@orion-redis:6379")]);
    assert!(complete(&spec, &Turn::default(), &there));
}

#[test]
fn a_changed_host_changes_the_url_and_never_the_password() {
    let spec = spec(&[("redis-password", SecretKey::Password), ("redis-url", url("elsewhere"))]);
    let there =
        data(&spec.name, &[("redis-password", "old"), ("redis-url", "redis://auth:old@orion-redis:6379")]);
    assert!(!complete(&spec, &Turn::default(), &there));
    let changed = changed(&spec, &there);
    assert_eq!(
        changed,
        BTreeMap::from([("redis-url".to_owned(), "redis://auth:old@elsewhere:6379".to_owned())])
    );
}

#[test]
fn what_a_person_put_in_the_place_of_a_fixed_text_stays() {
    let spec = spec(&[("email", SecretKey::Fixed("admin@orion.local".to_owned()))]);
    assert!(changed(&spec, &data(&spec.name, &[("email", "me@example.com")])).is_empty());
}

#[test]
fn a_secret_of_somebody_else_is_read_and_named_when_it_lacks_a_key() {
    let spec = spec(&[("database-url", SecretKey::Template("${shop-postgres:auth-url}".to_owned()))]);
    let found = changed(&spec, &data("shop-postgres", &[("auth-url", "postgres://db\n")]));
    assert_eq!(found["database-url"], "postgres://db");
    let error = changes(&spec, &Turn::default(), &SecretData::new(), &mut random).expect_err("it is missing");
    assert_eq!(error.to_string(), "there is no Secret shop-postgres: make it, with auth-url");
    let lacking = data("shop-postgres", &[("other", "")]);
    let error = changes(&spec, &Turn::default(), &lacking, &mut random).expect_err("no key");
    assert_eq!(error.to_string(), "Secret shop-postgres has no key auth-url: add it to the Secret");
    let unit = Unit {
        name: "auth".to_owned(),
        kind: UnitKind::Service,
        tier: catalog::Tier::Auth,
        needs: Vec::new(),
        enabled: true,
        objects: Vec::new(),
        secrets: vec![spec],
    };
    assert_eq!(foreign(&[unit]), ["shop-postgres"]);
}

/// A Secret that a former platform, with stores of its own, has left.
#[test]
fn a_secret_with_other_labels_than_planned_is_told_apart() {
    let mut spec = spec(&[]);
    spec.labels = BTreeMap::from([("orion.dev/data".to_owned(), "external".to_owned())]);
    let live = |value: &str| {
        let secret =
            json!({"metadata": {"name": spec.name, "labels": {"orion.dev/data": value, "more": "x"}}});
        Children::from([(("Secret", spec.name.clone()), Arc::new(secret))])
    };
    assert!(labelled(&spec, &live("external")) && labelled(&spec, &Children::new()));
    assert!(!labelled(&spec, &live("true")));
}

#[test]
fn random_values_are_long_and_never_the_same() {
    let (one, other) = (random(&SecretKey::Password), random(&SecretKey::Password));
    assert!(one.len() == 24 && one != other && one.chars().all(|c| c.is_ascii_alphanumeric()));
    let key = STANDARD.decode(random(&SecretKey::Key256)).expect("base64");
    assert_eq!(key.len(), 32);
}

#[test]
fn what_pods_need_of_a_secret_of_somebody_else_is_read_and_named_when_it_is_not_there() {
    let spec = "{postgres: {external: {host: db.example.com, secretRef: {name: db}, caSecretRef: {name: pki, key: root.pem}}}}";
    let plan = super::super::plan::planned(spec);
    assert_eq!(foreign(&plan.units), ["db", "pki"]);
    let unit = |name: &str| plan.unit(name).expect("a unit");
    let mut there = SecretData::new();
    let said = |there: &SecretData, name: &str| missing(unit(name), there).unwrap_or_default();
    assert_eq!(said(&there, "auth"), "there is no Secret pki: make it, with root.pem");
    assert_eq!(said(&there, "provision"), "there is no Secret db: make it, with password and username");
    there.extend(data("pki", &[("ca.crt", "")]));
    there.extend(data("db", &[("username", "admin")]));
    assert_eq!(said(&there, "auth"), "Secret pki has no key root.pem: add it to the Secret");
    assert_eq!(said(&there, "provision"), "Secret db has no key password: add it to the Secret");
    there.extend(data("pki", &[("root.pem", "")]));
    there.extend(data("db", &[("username", "admin"), ("password", "x")]));
    assert_eq!((said(&there, "auth"), said(&there, "provision")), (String::new(), String::new()));
}

const GIVEN: &str = "{postgres: {external: {provisioning: None, secretRef: {name: db}}}}";

#[test]
fn a_url_that_somebody_else_has_not_given_holds_up_the_service_that_uses_it_and_not_the_accounts_of_others() {
    let plan = super::super::plan::planned(GIVEN);
    let there = data("db", &[("auth-url", "postgres://db/auth")]);
    let said = |name: &str| lacking(plan.unit(name).expect("a unit"), &Children::new(), &there);
    assert_eq!(said("user").as_deref(), Some("Secret db has no key user-url: add it to the Secret"));
    for other in ["provision", "auth", "gateway", "redis"] {
        assert_eq!(said(other), None, "{other}");
    }
}

#[test]
fn a_url_of_somebody_else_makes_no_other_provision_job_and_a_password_does() {
    let plan = super::super::plan::planned(GIVEN);
    let unit = plan.unit("provision").expect("a unit");
    let job = |keys: &[(&str, &str)]| {
        let objects = bind::objects(unit, "1.0.0", &data("orion-user-credentials", keys), &Children::new());
        let job = objects.into_iter().find(|object| object["kind"] == "Job").expect("a Job");
        job["metadata"]["name"].as_str().expect("a name").to_owned()
    };
    let before = job(&[("redis-password", "a")]);
    assert_eq!(job(&[("redis-password", "a"), ("database-url", "postgres://db/user")]), before);
    assert_ne!(job(&[("redis-password", "b")]), before);
}
