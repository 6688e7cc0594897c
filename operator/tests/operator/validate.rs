//! What the schema can't say: specs that the API server takes and the operator refuses.

use operator::api::examples::{GOOD, INVALID, platform};
use operator::controller::cache::{Children, Key};
use operator::controller::volumes::{RESIZE_REFUSED, STORE_VERSION};
use operator::revision::object;
use operator::validate::stores::{ALLOW_STORE_CHANGE, refused};
use operator::validate::validate;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::revision::rendered;

#[test]
fn every_good_example_is_valid() {
    for example in GOOD {
        assert_eq!(validate(&platform("default", "orion", example.spec)), Ok(()), "{}", example.what);
    }
}

#[test]
fn what_cannot_run_is_refused_with_the_field_and_what_to_write() {
    for example in INVALID {
        let found = validate(&platform("default", "orion", example.spec)).expect_err(example.what);
        let text = found.iter().map(|i| i.to_string()).collect::<Vec<_>>().join("\n");
        assert!(found.iter().any(|i| i.field == example.field), "{}: {text}", example.what);
        assert!(text.contains(example.says), "{}: {text}", example.what);
    }
}

#[test]
fn all_reasons_are_given_at_once() {
    let spec = "{version: 999.0.0, services: [{name: auth, enabled: false}, {name: user, enabled: false}]}";
    let found = validate(&platform("default", "orion", spec)).expect_err("two wrongs and a half");
    let fields: Vec<&str> = found.iter().map(|i| i.field.as_str()).collect();
    assert_eq!(fields, ["spec.services[auth].enabled", "spec.services[user].enabled", "spec.version"]);
}

#[test]
fn the_operators_own_version_and_older_ones_are_valid() {
    for version in [operator::version(), "0.0.1", "0.1.0-rc.1"] {
        let spec = format!("{{version: {version}}}");
        assert_eq!(validate(&platform("default", "orion", &spec)), Ok(()), "{version}");
    }
}

/// What is there of a platform after this spec was applied, with the volume of its PostgreSQL as in `claim`.
fn cluster(applied: &str, claim: Option<Value>) -> Children {
    let key = Key { namespace: "team".to_owned(), name: "orion".to_owned() };
    let stored = object(&key, &rendered(applied, "0.1.0"), 1).expect("it fits");
    let revision = (("ControllerRevision", "one".to_owned()), Arc::new(stored));
    let claim = claim.map(|c| (("PersistentVolumeClaim", "orion-postgres-data".to_owned()), Arc::new(c)));
    [Some(revision), claim].into_iter().flatten().collect()
}

fn claim(size: &str, version: &str) -> Value {
    json!({
        "metadata": {"name": "orion-postgres-data", "annotations": {STORE_VERSION: version}},
        "spec": {"resources": {"requests": {"storage": size}}, "storageClassName": "fast"},
    })
}

fn said(spec: &str, allowed: &str, children: &Children) -> Vec<String> {
    let mut platform = platform("team", "orion", spec);
    if !allowed.is_empty() {
        let annotation = (ALLOW_STORE_CHANGE.to_owned(), allowed.to_owned());
        platform.metadata.annotations = Some([annotation].into());
    }
    refused(&platform, children).iter().map(ToString::to_string).collect()
}

const ELSEWHERE: &str = "{postgres: {external: {host: db.example.com, secretRef: {name: db}}}}";

#[test]
fn a_store_is_moved_only_where_an_annotation_names_it() {
    for (from, to, words) in [("{}", ELSEWHERE, "external"), (ELSEWHERE, "{}", "managed")] {
        let there = cluster(from, None);
        for not_allowed in ["", "redis", "postgresql"] {
            let said = said(to, not_allowed, &there);
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].starts_with(&format!("spec.postgres.{words}: postgres is ")), "{said:?}");
            assert!(said[0].contains("orion.dev/allow-store-change: postgres"), "{said:?}");
        }
        for allowed in ["postgres", "redis, postgres"] {
            assert_eq!(said(to, allowed, &there), [""; 0]);
        }
        assert_eq!(said(from, "", &there), [""; 0]);
    }
    // The first spec of all moves nothing.
    assert_eq!(said(ELSEWHERE, "", &Children::new()), [""; 0]);
}

#[test]
fn what_an_operator_without_that_knowledge_has_made_is_not_moved_either() {
    let set = json!({"metadata": {"labels": {"app.kubernetes.io/name": "postgres"}}});
    let mut there = cluster("{}", None);
    for stored in there.values_mut() {
        let mut old = stored.as_ref().clone();
        old["metadata"]["annotations"].as_object_mut().expect("annotations").remove("orion.dev/stores");
        *stored = Arc::new(old);
    }
    there.insert(("StatefulSet", "orion-postgres".to_owned()), Arc::new(set));
    assert_eq!(said(ELSEWHERE, "", &there).len(), 1);
}

#[test]
fn a_volume_that_would_have_to_shrink_or_change_its_class_is_named() {
    let there = cluster("{}", Some(claim("20Gi", "17")));
    let smaller = said("{postgres: {managed: {storage: 10Gi}}}", "", &there);
    assert!(
        smaller[0].starts_with("spec.postgres.managed.storage: 10Gi is less than the 20Gi of"),
        "{smaller:?}"
    );
    let other = said("{postgres: {managed: {storageClass: slow}}}", "", &there);
    assert!(other[0].contains("has the class fast") && other[0].contains("write fast"), "{other:?}");
    for fine in ["{}", "{postgres: {managed: {storage: 30Gi, storageClass: fast}}}"] {
        assert_eq!(said(fine, "", &there), [""; 0]);
    }
}

/// What was asked for in vain is taken back by writing what is there, or anything above.
#[test]
fn a_size_that_was_refused_may_be_taken_back_to_what_the_volume_has() {
    let mut refused = claim("10Gi", "17");
    refused["metadata"]["annotations"][RESIZE_REFUSED] = "20Gi: the class can't".into();
    let there = cluster("{postgres: {managed: {storage: 20Gi}}}", Some(refused));
    for fine in ["10Gi", "15Gi"] {
        assert_eq!(said(&format!("{{postgres: {{managed: {{storage: {fine}}}}}}}"), "", &there), [""; 0]);
    }
    let less = said("{postgres: {managed: {storage: 5Gi}}}", "", &there);
    assert!(less[0].contains("5Gi is less than the 10Gi of volume claim"), "{less:?}");
}

#[test]
fn the_volumes_of_redis_by_sentinel_only_grow_and_its_data_does_not_follow_to_another_way() {
    let spec = "{redis: {sentinel: {storage: 2Gi}}}";
    let mut there = cluster(spec, None);
    let volume = json!({
        "metadata": {"name": "data-orion-redis-1"},
        "spec": {"resources": {"requests": {"storage": "2Gi"}}, "storageClassName": "fast"},
    });
    there.insert(("PersistentVolumeClaim", "data-orion-redis-1".to_owned()), Arc::new(volume));
    assert!(said(spec, "", &there).is_empty());
    let smaller = said("{redis: {sentinel: {storage: 1Gi}}}", "", &there);
    assert!(
        smaller.len() == 1 && smaller[0].starts_with("spec.redis.sentinel.storage: 1Gi is less"),
        "{smaller:?}"
    );
    let class = said("{redis: {sentinel: {storageClass: slow}}}", "", &there);
    assert!(class.len() == 1 && class[0].starts_with("spec.redis.sentinel.storageClass"), "{class:?}");
    for allowed in ["", "redis"] {
        let managed = said("{}", allowed, &there);
        let told = managed.len() == 1 && managed[0].contains("create another platform with redis.managed");
        assert!(told, "{managed:?}");
    }
    let external = "{redis: {external: {host: cache.example.com, secretRef: {name: cache}}}}";
    assert!(said(external, "", &there)[0].contains("its data does not follow it to external"));
    assert!(said(external, "redis", &there).is_empty());
}

#[test]
fn another_major_version_than_has_written_to_the_volume_is_refused_with_the_way_to_go() {
    let there = cluster("{}", Some(claim("10Gi", "17")));
    let image = |name: &str| format!("{{postgres: {{managed: {{image: '{name}'}}}}}}");
    for other in ["pgvector/pgvector:pg18", "postgres:16.4"] {
        let said = said(&image(other), "", &there);
        assert!(said[0].contains("was written by PostgreSQL 17: write an image of 17"), "{said:?}");
        assert!(said[0].contains("dump the databases"), "{said:?}");
    }
    for fine in ["postgres:17.5", "example.com/acme/database:9"] {
        assert_eq!(said(&image(fine), "", &there), [""; 0]);
    }
    // Nothing has run on this one yet: a mistake in the tag can still be put right.
    let mut fresh = claim("10Gi", "17");
    fresh["metadata"]["annotations"] = json!({});
    assert_eq!(said(&image("postgres:16.4"), "", &cluster("{}", Some(fresh))), [""; 0]);
}
