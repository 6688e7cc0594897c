//! A platform in every phase, as manifests/argo and manifests/flux have it judged.

use super::{Status, documents, file, read};
use crate::controller::story::{GONE, READY, ROLLING, Story};
use k8s_openapi::jiff::Timestamp;
use operator::api::{Health, OrionPlatformStatus};
use operator::controller::status::{deleting, invalid};
use operator::revision::Held;
use operator::rollout::Live;
use serde_json::{Value, json};

const KIND: &str = "orion.dev_OrionPlatform";

/// What the platform is, its status, and how each is to see it: Argo CD, Flux, kstatus.
type Case = (&'static str, OrionPlatformStatus, [&'static str; 3]);

const GOES_ON: [&str; 3] = ["Progressing", "InProgress", "InProgress"];
const IS_WELL: [&str; 3] = ["Healthy", "Current", "Current"];
const HAS_FAILED: [&str; 3] = ["Degraded", "Failed", "Failed"];

/// A story after one more look.
fn told(mut story: Story) -> OrionPlatformStatus {
    story.after(1).clone()
}

fn ill(health: Health) -> OrionPlatformStatus {
    let mut story = Story::installed();
    story.is("auth", Live::Current, READY).health = health;
    told(story)
}

fn cases() -> Vec<Case> {
    let mut timed_out = Story::new();
    timed_out.after(0);
    timed_out.after(60);
    let mut updating = Story::installed();
    updating.edit("two");
    updating.is("auth", Live::Edited, ROLLING);
    let held = |held| {
        let mut story = Story::installed();
        story.held = Some(held);
        story
    };
    let mut paused = Story::installed();
    paused.paused = true;
    let mut paused_midway = Story::installed();
    paused_midway.edit("two");
    paused_midway.is("auth", Live::Edited, READY);
    paused_midway.paused = true;
    let mut down = Story::installed();
    down.is("auth", Live::Current, GONE).cause = Some("OOMKilled".to_owned());
    let well = Story::installed().status;
    let reasons = ["spec.version: no".to_owned()];
    let invalid = invalid(&well, well.clone(), 1, Timestamp::UNIX_EPOCH, &reasons);
    vec![
        ("not looked at yet", OrionPlatformStatus::default(), GOES_ON),
        ("Installing", told(Story::new()), GOES_ON),
        ("Updating", told(updating), GOES_ON),
        ("Deleting", deleting(&well, 1, Timestamp::UNIX_EPOCH, &[], &[]), GOES_ON),
        ("Ready", well, IS_WELL),
        ("Ready, with a part that works with less", ill(Health::Degraded), IS_WELL),
        ("Stalled", told(timed_out), HAS_FAILED),
        ("Invalid", invalid, HAS_FAILED),
        ("RolledBack", told(held(Held::RolledBack)), HAS_FAILED),
        ("held for approval", told(held(Held::Approval(Vec::new()))), HAS_FAILED),
        // It may get well by itself, so nobody who waits gives up.
        ("Degraded", told(down), ["Degraded", "InProgress", "InProgress"]),
        ("Degraded by its own account", ill(Health::Down), ["Degraded", "InProgress", "InProgress"]),
        ("Paused", told(paused), ["Suspended", "Current", "Current"]),
        ("Paused before a change", told(paused_midway), ["Suspended", "Current", "InProgress"]),
    ]
}

fn object(status: &OrionPlatformStatus, generation: i64) -> Value {
    let paused = status.phase == Some(operator::api::Phase::Paused);
    json!({
        "apiVersion": "orion.dev/v1alpha1", "kind": "OrionPlatform",
        "metadata": {"name": "orion", "namespace": "shop", "generation": generation},
        "spec": {"paused": paused}, "status": status,
    })
}

fn judged(objects: &[Value]) -> Vec<Status> {
    let platform = documents("manifests/flux/orion.yaml")
        .into_iter()
        .find(|document| document["metadata"]["name"] == "orion-platform")
        .expect("Flux' Kustomization of the platform");
    let exprs = &platform["spec"]["healthCheckExprs"][0];
    assert_eq!(
        (&exprs["apiVersion"], &exprs["kind"]),
        (&json!("orion.dev/v1alpha1"), &json!("OrionPlatform"))
    );
    let lua = file("manifests/argo/health.lua");
    let answer = read(&json!({"lua": lua, "exprs": exprs, "objects": objects}));
    assert_eq!(answer.statuses.len(), objects.len());
    answer.statuses
}

#[test]
fn every_phase_is_seen_for_what_it_is() {
    let cases = cases();
    let objects: Vec<Value> =
        cases.iter().map(|(_, status, _)| object(status, status.observed_generation.max(1))).collect();
    for ((what, status, expected), seen) in cases.iter().zip(judged(&objects)) {
        let found = [seen.argo.as_str(), &seen.flux, &seen.kstatus];
        assert_eq!(found, *expected, "{what}: {status:?}");
        let silent = status.conditions.is_empty();
        assert!(silent || status.message.as_deref() == Some(&seen.argo_message) || what.contains("less"));
    }
}

#[test]
fn nothing_is_said_of_a_change_that_the_operator_has_not_looked_at() {
    let cases = cases();
    let objects: Vec<Value> =
        cases.iter().map(|(_, status, _)| object(status, status.observed_generation + 7)).collect();
    for ((what, ..), seen) in cases.iter().zip(judged(&objects)) {
        assert_eq!([seen.argo.as_str(), &seen.flux, &seen.kstatus], GOES_ON, "{what}");
    }
}

#[test]
fn argo_is_given_the_health_check_that_is_tried_here() {
    let [patch] = &documents("manifests/argo/argocd-cm.yaml")[..] else { panic!("one document") };
    let given = patch["data"][format!("resource.customizations.health.{KIND}")].as_str();
    assert_eq!(given, Some(file("manifests/argo/health.lua").as_str()));
}
