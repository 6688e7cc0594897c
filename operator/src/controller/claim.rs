//! Who says how many pods a Deployment has. Pure.
//!
//! A field that is left out of a server-side apply is reset if nobody else owns it, and the default of replicas is 1.
//! So before the operator leaves it to an autoscaler, another manager takes it over at the number that there is; when
//! the operator takes it back, that manager gives up its claim.

use super::diff::MANAGER;
use serde_json::{Value, json};

/// The field manager that holds replicas until the autoscaler first changes them.
pub const HELPER: &str = "orion-operator-scale";

/// Replicas that change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOver {
    pub replicas: i64,
    /// It is another number than there is, so the operator's own claim is in the way.
    pub force: bool,
}

/// What the helper must take over before `planned` is applied to `live`; None if nothing would be reset.
pub fn hand_over(planned: &Value, live: &Value) -> Option<HandOver> {
    let leaves_it = planned["kind"] == "Deployment" && planned["spec"]["replicas"].is_null();
    if !leaves_it || !owns_replicas(live, MANAGER) {
        return None;
    }
    let there = live["spec"]["replicas"].as_i64().unwrap_or(1);
    // An autoscaler never starts what has been stopped: it takes 0 for a person's wish.
    Some(HandOver { replicas: there.max(1), force: there < 1 })
}

/// The operator owns replicas again, or is about to, and the helper holds them still.
pub fn held_by_helper(planned: &Value, live: &Value) -> bool {
    planned["kind"] == "Deployment" && !planned["spec"]["replicas"].is_null() && owns_replicas(live, HELPER)
}

/// What the helper applies: nothing but its claim; without one, it gives up what it has.
pub fn object(planned: &Value, replicas: Option<i64>) -> Value {
    let metadata = &planned["metadata"];
    let mut object = json!({
        "apiVersion": planned["apiVersion"],
        "kind": planned["kind"],
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
    });
    if let Some(replicas) = replicas {
        object["spec"] = json!({"replicas": replicas});
    }
    object
}

fn owns_replicas(live: &Value, manager: &str) -> bool {
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let own = |entry: &&Value| {
        entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"].is_null()
    };
    entries.filter(own).any(|entry| !entry["fieldsV1"]["f:spec"]["f:replicas"].is_null())
}
