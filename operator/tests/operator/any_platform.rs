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
    let stores = (any_store(), any_store(), any_store());
    (name, stores, services, any_exposure(), any_policies(), any::<bool>()).prop_map(
        |(name, (postgres, redis, rabbitmq), services, exposure, policies, delete)| {
            let mut spec = serde_json::json!({
                "services": services,
                "deletionPolicy": if delete { "Delete" } else { "RetainData" },
            });
            let parts = [
                ("postgres", postgres),
                ("redis", redis),
                ("rabbitmq", rabbitmq),
                ("exposure", exposure),
                ("networkPolicies", policies),
            ];
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
    let way_in = prop_oneof![
        Just(Value::Null),
        Just(serde_json::json!({"none": {}})),
        proptest::option::of(1i32..=65535).prop_map(|port| serde_json::json!({"nodePort": {"port": port}})),
        proptest::option::of(1i32..=65535)
            .prop_map(|port| serde_json::json!({"loadBalancer": {"port": port}})),
        any_ingress(),
        any_gateway(),
    ];
    (way_in, any_networks()).prop_map(|(mut way_in, networks)| {
        if !way_in.is_null() {
            way_in["trustedProxies"] = networks;
        }
        way_in
    })
}

fn any_host() -> impl Strategy<Value = String> + Clone {
    "([*][.])?[a-z]([-a-z0-9]{0,20}[a-z0-9])?([.][a-z]{1,20}){0,3}"
}

fn any_ingress() -> impl Strategy<Value = Value> {
    let tls = prop_oneof![
        Just(Value::Null),
        "[a-z]{1,20}".prop_map(|name| serde_json::json!({"secretName": name})),
        ("[a-z]{1,20}", proptest::sample::select(vec!["Issuer", "ClusterIssuer"])).prop_map(
            |(name, kind)| { serde_json::json!({"certManager": {"issuer": {"name": name, "kind": kind}}}) }
        ),
    ];
    let annotations = proptest::collection::btree_map("[a-z]{1,10}/[a-z]{1,10}", ".{0,20}", 0..3);
    let (class, path) = (proptest::option::of("[a-z]{1,10}"), proptest::option::of("/[a-z]{0,10}"));
    (any_host(), class, path, annotations, tls).prop_map(|(host, class, path, annotations, tls)| {
        serde_json::json!({"ingress": {
            "host": host, "className": class, "path": path, "annotations": annotations, "tls": tls,
        }})
    })
}

fn any_gateway() -> impl Strategy<Value = Value> {
    let more = proptest::option::of("[a-z]{1,10}");
    let parent = ("[a-z]{1,10}", more.clone(), more).prop_map(|(name, namespace, section)| {
        serde_json::json!({"name": name, "namespace": namespace, "sectionName": section})
    });
    let (hosts, parents) =
        (proptest::collection::btree_set(any_host(), 1..4), proptest::collection::vec(parent, 1..4));
    (hosts, parents).prop_map(
        |(hosts, parents)| serde_json::json!({"gatewayApi": {"hosts": hosts, "parentRefs": parents}}),
    )
}

fn any_networks() -> impl Strategy<Value = Value> {
    let v4 = (any::<[u8; 4]>(), 0u8..=32)
        .prop_map(|(a, length)| format!("{}/{length}", std::net::Ipv4Addr::from(a)));
    let v6 = (any::<[u8; 16]>(), 0u8..=128)
        .prop_map(|(a, length)| format!("{}/{length}", std::net::Ipv6Addr::from(a)));
    proptest::collection::vec(prop_oneof![v4, v6], 0..4).prop_map(Value::from)
}

fn any_policies() -> impl Strategy<Value = Value> {
    let labels = |least| proptest::collection::btree_map("[a-z]{1,10}", "[a-z0-9]{0,10}", least..3usize);
    let peers = (labels(1), labels(0))
        .prop_map(|(namespaces, pods)| serde_json::json!({"namespaceLabels": namespaces, "podLabels": pods}));
    let peers = proptest::collection::vec(peers, 0..3);
    let some = (any::<bool>(), any_networks(), peers.clone(), peers.clone(), peers).prop_map(
        |(enabled, networks, to, scrape, from)| {
            serde_json::json!({
                "enabled": enabled, "egressCIDRs": networks, "egressTo": to, "scrapeFrom": scrape, "ingressFrom": from,
            })
        },
    );
    prop_oneof![Just(Value::Null), some]
}

fn any_service(name: &'static str) -> impl Strategy<Value = Value> {
    let tolerations = proptest::collection::vec("[a-z]{0,10}", 0..3);
    let env = proptest::collection::btree_map("[A-Z_][A-Z0-9_]{0,20}", ".{0,30}", 0..4);
    (any::<bool>(), any_scale(), any_resources(), env, tolerations, any_marks(), any_networks()).prop_map(
        move |(enabled, scale, resources, env, keys, marks, networks)| {
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
                "egressCIDRs": networks,
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
