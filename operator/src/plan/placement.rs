//! Where the pods of a service may run, as the spec says.

use super::scope::Scope;
use crate::api::{PodOptions, Toleration, TopologySpread, WhenUnsatisfiable};
use serde_json::{Value, json};

/// The default has both whatever the number of pods: scaling must not restart anything.
const SPREAD: [&str; 2] = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];

pub(super) fn place(pod: &mut Value, options: &PodOptions, scope: &Scope) {
    if !options.node_selector.is_empty() {
        pod["nodeSelector"] = json!(options.node_selector);
    }
    if !options.tolerations.is_empty() {
        let full = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        // Empty text is left out, as the API server does: otherwise it would differ for ever.
        let clean =
            |t: &Toleration| json!(Toleration { key: full(&t.key), value: full(&t.value), ..t.clone() });
        pod["tolerations"] = options.tolerations.iter().map(clean).collect();
    }
    if let Some(affinity) = &options.affinity {
        pod["affinity"] = json!(affinity);
    }
    if let Some(class) = options.priority_class_name.as_ref().filter(|class| !class.is_empty()) {
        pod["priorityClassName"] = class.as_str().into();
    }
    let constraints = spread(options).into_iter().map(|spread| {
        let mut constraint = json!(spread);
        constraint["labelSelector"] = json!({"matchLabels": scope.selector()});
        constraint
    });
    pod["topologySpreadConstraints"] = constraints.collect();
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
