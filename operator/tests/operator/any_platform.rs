//! Any platform that the schema and `validate` would let through, and some that they wouldn't.

use operator::api::{OrionPlatform, Toleration, TolerationOperator};
use operator::plan::quantity::milli;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

pub(crate) fn any_platform() -> impl Strategy<Value = OrionPlatform> {
    let name = "[a-z]([-a-z0-9]{0,38}[a-z0-9])?";
    let services = proptest::sample::subsequence(vec!["auth", "user", "gateway"], 0..=3)
        .prop_flat_map(|names| names.into_iter().map(any_service).collect::<Vec<_>>());
    (name, any_store(), any_store(), any_store(), services, any_exposure(), any::<bool>()).prop_map(
        |(name, postgres, redis, rabbitmq, services, exposure, delete)| {
            let mut spec = serde_json::json!({
                "services": services,
                "deletionPolicy": if delete { "Delete" } else { "RetainData" },
            });
            let parts =
                [("postgres", postgres), ("redis", redis), ("rabbitmq", rabbitmq), ("exposure", exposure)];
            for (field, value) in parts.into_iter().filter(|(_, value)| !value.is_null()) {
                spec[field] = value;
            }
            let spec = serde_json::from_value(spec).expect("a spec");
            let mut platform = OrionPlatform::new(&name, spec);
            platform.metadata.namespace = Some("default".to_owned());
            platform
        },
    )
}

fn any_quantity() -> impl Strategy<Value = String> + Clone {
    (1u32..5000, proptest::sample::select(vec!["Mi", "M", "Gi", "G"]))
        .prop_map(|(n, unit)| format!("{n}{unit}"))
}

fn any_resources() -> impl Strategy<Value = Value> {
    let part = proptest::option::of(any_quantity());
    let cpu = proptest::option::of((1u32..8000).prop_map(|n| format!("{n}m")));
    (part.clone(), part, cpu.clone(), cpu).prop_map(|(request, limit, cpu, cpu_limit)| {
        let sorted = |a: Option<String>, b: Option<String>| match (a, b) {
            // The schema refuses a request above its limit.
            (Some(a), Some(b)) if milli(&a) > milli(&b) => (Some(b), Some(a)),
            other => other,
        };
        let (request, limit) = sorted(request, limit);
        let (cpu, cpu_limit) = sorted(cpu, cpu_limit);
        let list = |cpu: Option<String>, memory: Option<String>| {
            let all = [("cpu", cpu), ("memory", memory)];
            let all: BTreeMap<_, _> = all.into_iter().filter_map(|(k, v)| Some((k, v?))).collect();
            all
        };
        serde_json::json!({"requests": list(cpu, request), "limits": list(cpu_limit, limit)})
    })
}

fn any_store() -> impl Strategy<Value = Value> {
    let managed = (any_quantity(), any_resources(), 1i64..70000).prop_map(|(storage, resources, id)| {
        let ids = serde_json::json!({"runAsUser": id});
        serde_json::json!({"managed": {"storage": storage, "resources": resources, "securityContext": ids}})
    });
    let external =
        ("[a-z]{1,20}", any::<bool>(), proptest::option::of(1i32..=65535)).prop_map(|(host, tls, port)| {
            match port {
                Some(port) => serde_json::json!({"external": {
                    "host": host, "tls": tls, "port": port, "secretRef": {"name": "elsewhere"},
                }}),
                None => {
                    serde_json::json!({"external": {"provisioning": "None", "secretRef": {"name": "given"}}})
                }
            }
        });
    prop_oneof![Just(Value::Null), managed, external]
}

fn any_exposure() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(serde_json::json!({"none": {}})),
        proptest::option::of(1i32..=65535).prop_map(|port| serde_json::json!({"nodePort": {"port": port}})),
        proptest::option::of(1i32..=65535)
            .prop_map(|port| serde_json::json!({"loadBalancer": {"port": port}})),
    ]
}

fn any_service(name: &'static str) -> impl Strategy<Value = Value> {
    let tolerations = proptest::collection::vec("[a-z]{0,10}", 0..3);
    let env = proptest::collection::btree_map("[A-Z_][A-Z0-9_]{0,20}", ".{0,30}", 0..4);
    (any::<bool>(), any_scale(), any_resources(), env, tolerations, any_marks()).prop_map(
        move |(enabled, scale, resources, env, keys, marks)| {
            let env: Vec<Value> =
                env.iter().map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect();
            let toleration = |key: &String| Toleration {
                key: Some(key.clone()),
                operator: Some(TolerationOperator::Exists),
                ..Toleration::default()
            };
            let tolerations: Vec<Toleration> = keys.iter().map(toleration).collect();
            let mut pod = marks;
            pod["tolerations"] = serde_json::json!(tolerations);
            let mut service = serde_json::json!({
                "name": name, "enabled": enabled, "resources": resources, "env": env, "pod": pod,
            });
            service.as_object_mut().expect("an object").extend(scale);
            service
        },
    )
}

/// A number of pods, an autoscaler, or, as the schema doesn't let through, both.
fn any_scale() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let memory = proptest::option::of(1i32..=1000);
    let autoscaling = (1i32..=100, 1i32..=100, memory).prop_map(|(a, b, memory)| {
        let mut all = serde_json::json!({"minReplicas": a.min(b), "maxReplicas": a.max(b)});
        if let Some(memory) = memory {
            all["targetMemoryUtilizationPercentage"] = memory.into();
        }
        all
    });
    (proptest::option::of(0i32..=50), proptest::option::of(autoscaling)).prop_map(
        |(replicas, autoscaling)| {
            let replicas = replicas.map(|n| ("replicas".to_owned(), n.into()));
            replicas.into_iter().chain(autoscaling.map(|a| ("autoscaling".to_owned(), a))).collect()
        },
    )
}

/// Labels, among them some of the operator's own, which an older schema may have let through.
fn any_marks() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        "[a-z]{1,10}",
        Just("app.kubernetes.io/name".to_owned()),
        Just("orion.dev/tier".to_owned())
    ];
    let labels = proptest::collection::btree_map(key, "[a-z]{1,10}", 0..4);
    let class = proptest::option::of("[a-z]{1,10}");
    let grace = proptest::option::of(0u32..=600);
    (labels, class, grace).prop_map(|(labels, class, grace)| {
        let mut pod = serde_json::json!({"labels": labels});
        if let Some(class) = class {
            pod["priorityClassName"] = class.into();
        }
        if let Some(grace) = grace {
            pod["terminationGracePeriodSeconds"] = grace.into();
        }
        pod
    })
}
