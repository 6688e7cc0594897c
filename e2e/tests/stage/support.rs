//! What these tests look at: the record of an operator's calls, and the statuses that it wrote.

use anyhow::Result;
use e2e::stage::Scene;
use e2e::stage::call::Call;
use e2e::status;
use k8s_openapi::api::apps::v1::Deployment;
use operator::api::{OrionPlatform, Phase};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long nothing must happen for an operator to be done. Longer than it leaves anything for, while it has to do.
pub(crate) const QUIET: Duration = Duration::from_millis(1500);

/// The smallest tierTimeout that there is.
pub(crate) const SOON: &str = "10s";

pub(crate) fn phase(platform: &OrionPlatform) -> Option<Phase> {
    platform.status.as_ref()?.phase
}

/// In this phase, and about the spec as it is now.
pub(crate) fn is(phase: Phase) -> impl Fn(&OrionPlatform) -> bool {
    move |platform| {
        self::phase(platform) == Some(phase) && status::observed(platform) == platform.metadata.generation
    }
}

#[track_caller]
pub(crate) fn assert_conditions(platform: &OrionPlatform, wanted: [(&str, bool); 4]) {
    for (condition, is) in wanted {
        assert_eq!(status::is_true(platform, condition), is, "{condition}: {}", status::told(platform));
    }
}

/// The phases that the operator has told of, in order, each once in a row; from the `from`th call on.
pub(crate) fn phases(scene: &Scene, from: usize) -> Vec<String> {
    let calls = scene.proxy.calls();
    let told = calls[from..].iter().filter(|call| call.subresource == "status" && call.code == Some(200));
    let mut phases: Vec<String> =
        told.map(|call| call.body["status"]["phase"].as_str().unwrap_or_default().to_owned()).collect();
    phases.dedup();
    phases
}

/// What changed the cluster, from the `from`th call on: every write but statuses, events and leases.
pub(crate) fn changes(scene: &Scene, from: usize) -> Vec<Call> {
    let aside = |call: &Call| call.subresource == "status" || call.on("events") || call.on("leases");
    scene.proxy.calls().split_off(from).into_iter().filter(|call| call.writes() && !aside(call)).collect()
}

#[track_caller]
pub(crate) fn assert_no_changes(scene: &Scene, from: usize) {
    let told: Vec<String> = changes(scene, from).iter().map(Call::told).collect();
    assert!(told.is_empty(), "the operator changed something:\n{}", told.join("\n"));
}

/// No object was made twice and none was deleted, from the `from`th call on.
#[track_caller]
pub(crate) fn assert_made_once(scene: &Scene, from: usize) {
    let mut made = BTreeSet::new();
    for call in changes(scene, from) {
        assert_ne!(call.verb, "delete", "{}", call.told());
        let name = (call.resource.clone(), call.name.clone());
        assert!(!call.made() || made.insert(name), "again: {}", call.told());
    }
}

pub(crate) async fn deployment(scene: &Scene, unit: &str) -> Result<Option<Deployment>> {
    Ok(scene.api::<Deployment>().get_opt(&catalog::object_name("orion", unit)).await?)
}

/// Tells what a Deployment is to run: its generation changes with every change of that.
pub(crate) async fn generation(scene: &Scene, unit: &str) -> Result<Option<i64>> {
    Ok(deployment(scene, unit).await?.and_then(|deployment| deployment.metadata.generation))
}

/// A spec that says this of one service.
pub(crate) fn service(name: &str, mut settings: Value) -> Value {
    settings["name"] = json!(name);
    json!({"services": [settings]})
}

/// An image that never gets ready on a stage where [`Scene::pods_are`] `broken`.
pub(crate) const BROKEN: &str = "registry.test/broken:1";

/// A version before this one, on whose schemas this one's services run and the other way round.
pub(crate) const OLD: &str = concat!(env!("CARGO_PKG_VERSION"), "-rc.1");
