//! Where the pods of a service may run, as the spec says.

use super::scope::Scope;
use crate::api::{
    PodOptions, TaintEffect, Toleration, TolerationOperator, TopologySpread, WhenUnsatisfiable,
};
use serde_json::{Value, json};

/// The default has both whatever the number of pods: scaling must not restart anything.
const SPREAD: [&str; 2] = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];

/// What Kubernetes puts on a node that it doesn't hear from.
const LOST: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
/// Kubernetes lets a pod wait 300 s for a lost node. A service has nothing there to come back to: what it waits for is
/// only an outage.
const WAITS_FOR_A_LOST_NODE: i64 = 30;

pub(super) fn place(pod: &mut Value, options: &PodOptions, scope: &Scope) {
    if !options.node_selector.is_empty() {
        pod["nodeSelector"] = json!(options.node_selector);
    }
    pod["tolerations"] = tolerations(options).collect();
    if let Some(affinity) = &options.affinity {
        pod["affinity"] = json!(affinity);
    }
    if let Some(class) = options.priority_class_name.as_ref().filter(|class| !class.is_empty()) {
        pod["priorityClassName"] = class.as_str().into();
    }
    pod["topologySpreadConstraints"] = constraints(spread(options), scope);
}

/// The default alone, for what the spec says nothing about.
pub(super) fn evenly(scope: &Scope) -> Value {
    constraints(spread(&PodOptions::default()), scope)
}

fn constraints(spread: Vec<TopologySpread>, scope: &Scope) -> Value {
    let constraint = |spread: TopologySpread| {
        let mut constraint = json!(spread);
        constraint["labelSelector"] = json!({"matchLabels": scope.selector()});
        constraint
    };
    spread.into_iter().map(constraint).collect()
}

fn tolerations(options: &PodOptions) -> impl Iterator<Item = Value> {
    let full = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    // Empty text is left out, as the API server does: otherwise it would differ for ever.
    let clean = move |t: &Toleration| Toleration { key: full(&t.key), value: full(&t.value), ..t.clone() };
    let given: Vec<Toleration> = options.tolerations.iter().map(clean).collect();
    let waits = LOST.map(|taint| Toleration {
        key: Some(taint.to_owned()),
        operator: Some(TolerationOperator::Exists),
        value: None,
        effect: Some(TaintEffect::NoExecute),
        toleration_seconds: Some(WAITS_FOR_A_LOST_NODE),
    });
    let unsaid = |wait: &Toleration| !given.iter().any(|t| says_how_long(t, wait.key.as_deref()));
    let waits: Vec<Toleration> = waits.into_iter().filter(unsaid).collect();
    given.into_iter().chain(waits).map(|toleration| json!(toleration))
}

/// Whether a person has said how long the pods stay under this taint: by its key, or for all that there are.
fn says_how_long(given: &Toleration, taint: Option<&str>) -> bool {
    let about = given.key.is_none() || given.key.as_deref() == taint;
    about && matches!(given.effect, None | Some(TaintEffect::NoExecute))
}

fn spread(options: &PodOptions) -> Vec<TopologySpread> {
    if !options.topology_spread.is_empty() {
        return options.topology_spread.clone();
    }
    let evenly = |key: &str| TopologySpread {
        max_skew: 1,
        topology_key: key.to_owned(),
        when_unsatisfiable: WhenUnsatisfiable::ScheduleAnyway,
    };
    SPREAD.map(evenly).to_vec()
}
