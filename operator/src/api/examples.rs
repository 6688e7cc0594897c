//! Specs that must be accepted and specs that must be refused, each with what the refusal must say.
//!
//! The end-to-end tests give them to a real API server; `validate`'s and the plan's tests read them too.

use super::platform::{OrionPlatform, OrionPlatformSpec};
use serde_json::{Value, json};

/// A spec that is accepted, as YAML.
#[derive(Clone, Copy, Debug)]
pub struct Good {
    pub what: &'static str,
    pub spec: &'static str,
}

/// A spec that the API server refuses, as YAML.
#[derive(Clone, Copy, Debug)]
pub struct Bad {
    pub what: &'static str,
    pub spec: &'static str,
    /// The field that the refusal names.
    pub field: &'static str,
    /// A part of what it says.
    pub says: &'static str,
}

/// A spec that is accepted, and another that is to take its place.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub what: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    /// A part of what the refusal says; None where the change is accepted.
    pub refused: Option<&'static str>,
}

/// The object as it would be in a manifest, for `spec` as YAML.
pub fn manifest(namespace: &str, name: &str, spec: &str) -> Value {
    let spec: Value = serde_saphyr::from_str(spec).expect("the examples are YAML");
    json!({
        "apiVersion": "orion.dev/v1alpha1",
        "kind": "OrionPlatform",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

/// The object as the operator has it: what the schema would add is added.
pub fn platform(namespace: &str, name: &str, spec: &str) -> OrionPlatform {
    let spec: OrionPlatformSpec = serde_saphyr::from_str(spec).expect("the examples are YAML of a spec");
    let mut platform = OrionPlatform::new(name, spec);
    platform.metadata.namespace = Some(namespace.to_owned());
    platform
}

pub const GOOD: &[Good] = &[
    Good { what: "nothing at all", spec: "{}" },
    Good {
        what: "every store managed with its defaults",
        spec: "{postgres: {managed: {}}, redis: {managed: {}}, rabbitmq: {managed: {}}}",
    },
    Good {
        what: "stores of one's own sizes",
        spec: r#"postgres:
  managed:
    image: docker.io/pgvector/pgvector:pg17@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    storage: 100Gi
    storageClass: fast.example.com
    resources: {requests: {cpu: "2", memory: 4Gi}, limits: {cpu: "4", memory: 8Gi}}
    securityContext: {runAsUser: 26, runAsGroup: 26, fsGroup: 26}
redis: {managed: {storage: 5Gi, resources: {limits: {memory: 1Gi}}}}"#,
    },
    Good {
        what: "stores of somebody else",
        spec: "postgres: {external: {host: db.example.com, port: 6432, secretRef: {name: db-admin}}}
redis: {external: {provisioning: None, secretRef: {name: redis-urls}}}
rabbitmq: {external: {host: mq.example.com, managementPort: 443, tls: true, secretRef: {name: mq-admin}}}",
    },
    Good {
        what: "a service with every setting",
        spec: r#"services:
  - name: auth
    replicas: 3
    image: registry.example.com:5000/acme/auth:1.2.3-debug
    env: [{name: ORION_LOG, value: "info,auth=debug"}, {name: RUST_BACKTRACE, value: "1"}]
    resources: {requests: {cpu: 250m, memory: 64Mi}, limits: {memory: 512Mi}}
    pod:
      nodeSelector: {disktype: ssd}
      tolerations: [{key: spot, operator: Exists, effect: NoSchedule}, {operator: Exists, effect: NoExecute, tolerationSeconds: 60}]
      topologySpread: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone}]
      annotations: {prometheus.io/scrape: "true"}"#,
    },
    Good { what: "a service that is stopped and kept", spec: "{services: [{name: user, replicas: 0}]}" },
    Good {
        what: "services switched off from the top",
        spec: "{services: [{name: gateway, enabled: false}, {name: user, enabled: false}]}",
    },
    Good { what: "a port on every node", spec: "{exposure: {nodePort: {port: 30080}}}" },
    Good {
        what: "a load balancer",
        spec: "exposure:
  loadBalancer:
    port: 8080
    class: example.com/internal
    annotations: {example.com/tier: internal}",
    },
    Good { what: "no way in from outside", spec: "{exposure: {none: {}}}" },
    Good {
        what: "images of one's own",
        spec: r#"{version: 0.1.0, image: {registry: "registry.example.com:5000/acme/orion", pullPolicy: Always, pullSecrets: [{name: registry}]}}"#,
    },
    Good {
        what: "patience, and data that goes with the platform",
        spec: "{rollout: {tierTimeout: 1h30m, onFailure: Hold}, deletionPolicy: Delete, paused: true}",
    },
];

/// Refused by the schema, mostly by its rules.
pub const BAD: &[Bad] = &[
    Bad {
        what: "a store that is neither",
        spec: "{postgres: {}}",
        field: "postgres",
        says: "write exactly one of managed or external",
    },
    Bad {
        what: "a store that is both",
        spec: "{redis: {managed: {}, external: {host: r, secretRef: {name: s}}}}",
        field: "redis",
        says: "write exactly one of managed or external",
    },
    Bad {
        what: "a service that does not exist",
        spec: "{services: [{name: blog}]}",
        field: "services",
        says: "Unsupported value: \"blog\"",
    },
    Bad {
        what: "a service twice",
        spec: "{services: [{name: auth}, {name: auth, replicas: 2}]}",
        field: "services",
        says: "Duplicate value",
    },
    Bad {
        what: "a service without a name",
        spec: "{services: [{replicas: 2}]}",
        field: "services",
        says: "Required value",
    },
    Bad {
        what: "more pods than a service may have",
        spec: "{services: [{name: auth, replicas: 51}]}",
        field: "replicas",
        says: "should be less than or equal to 50",
    },
    Bad {
        what: "fewer pods than none",
        spec: "{services: [{name: auth, replicas: -1}]}",
        field: "replicas",
        says: "should be greater than or equal to 0",
    },
    Bad {
        what: "half a pod",
        spec: "{services: [{name: auth, replicas: 1.5}]}",
        field: "replicas",
        says: "must be of type integer",
    },
    Bad {
        what: "a variable whose name no shell takes",
        spec: r#"{services: [{name: auth, env: [{name: "2FA", value: x}]}]}"#,
        field: "env",
        says: "don't start with a digit",
    },
    Bad {
        what: "a variable that is the operator's",
        spec: "{services: [{name: auth, env: [{name: ORION_DATABASE_URL, value: x}]}]}",
        field: "env",
        says: "the operator sets this variable itself",
    },
    Bad {
        what: "a peer that is the operator's to name",
        spec: "{services: [{name: user, env: [{name: ORION_PEER_AUTH_URL, value: x}]}]}",
        field: "env",
        says: "the operator sets this variable itself",
    },
    Bad {
        what: "a variable twice",
        spec: "{services: [{name: auth, env: [{name: A, value: one}, {name: A, value: two}]}]}",
        field: "env",
        says: "Duplicate value",
    },
    Bad {
        what: "an image with a space",
        spec: r#"{services: [{name: auth, image: "acme/auth: 1.2.3"}]}"#,
        field: "image",
        says: "not an image: write [registry/]name[:tag]",
    },
    Bad {
        what: "an image with a scheme",
        spec: r#"{redis: {managed: {image: "https://example.com/redis:8"}}}"#,
        field: "image",
        says: "not an image: write [registry/]name[:tag]",
    },
    Bad {
        what: "an annotation that is the operator's",
        spec: "{services: [{name: auth, pod: {annotations: {orion.dev/config-hash: x}}}]}",
        field: "annotations",
        says: "are the operator's own",
    },
    Bad {
        what: "a toleration of nothing",
        spec: "{services: [{name: auth, pod: {tolerations: [{effect: NoSchedule}]}}]}",
        field: "tolerations",
        says: "name the taint's key",
    },
    Bad {
        what: "a toleration that exists and equals",
        spec: "{services: [{name: auth, pod: {tolerations: [{key: a, operator: Exists, value: b}]}}]}",
        field: "tolerations",
        says: "with operator Exists leave value out",
    },
    Bad {
        what: "an effect that no taint has",
        spec: "{services: [{name: auth, pod: {tolerations: [{key: a, effect: Never}]}}]}",
        field: "effect",
        says: "Unsupported value: \"Never\"",
    },
    Bad {
        what: "patience with a taint that drives nobody out",
        spec: "{services: [{name: auth, pod: {tolerations: [{key: a, effect: NoSchedule, tolerationSeconds: 5}]}}]}",
        field: "tolerations",
        says: "tolerationSeconds goes with effect: NoExecute only",
    },
    Bad {
        what: "an annotation that is no name",
        spec: "{services: [{name: auth, pod: {annotations: {\"my note\": x}}}]}",
        field: "annotations",
        says: "a key is not a name as Kubernetes has them",
    },
    Bad {
        what: "a node label whose value is a sentence",
        spec: "{services: [{name: auth, pod: {nodeSelector: {disk: \"not a label\"}}}]}",
        field: "nodeSelector",
        says: "a value is not that of a label",
    },
    Bad {
        what: "a spread without skew",
        spec: "{services: [{name: auth, pod: {topologySpread: [{topologyKey: zone}]}}]}",
        field: "maxSkew",
        says: "Required value",
    },
    Bad {
        what: "memory without a unit that makes sense",
        spec: "{services: [{name: auth, resources: {limits: {memory: 512m}}}]}",
        field: "memory",
        says: "not an amount of bytes",
    },
    Bad {
        what: "memory in words",
        spec: "{postgres: {managed: {resources: {requests: {memory: 1 GB}}}}}",
        field: "memory",
        says: "not an amount of bytes",
    },
    Bad {
        what: "negative CPU",
        spec: r#"{services: [{name: auth, resources: {requests: {cpu: "-1"}}}]}"#,
        field: "cpu",
        says: "not an amount of CPU",
    },
    Bad {
        what: "a request above its limit",
        spec: "{services: [{name: auth, resources: {requests: {memory: 1Gi}, limits: {memory: 512Mi}}}]}",
        field: "resources",
        says: "requests.memory is more than limits.memory",
    },
    Bad {
        what: "more CPU asked for than allowed",
        spec: r#"{services: [{name: auth, resources: {requests: {cpu: "2"}, limits: {cpu: 500m}}}]}"#,
        field: "resources",
        says: "requests.cpu is more than limits.cpu",
    },
    Bad {
        what: "a volume without size",
        spec: "{postgres: {managed: {storage: big}}}",
        field: "storage",
        says: "not an amount of bytes",
    },
    Bad {
        what: "a store that runs as root",
        spec: "{postgres: {managed: {securityContext: {runAsUser: 0}}}}",
        field: "runAsUser",
        says: "should be greater than or equal to 1",
    },
    Bad {
        what: "an external store without its Secret",
        spec: "{postgres: {external: {host: db}}}",
        field: "secretRef",
        says: "Required value",
    },
    Bad {
        what: "an external store without its host",
        spec: "{postgres: {external: {secretRef: {name: db}}}}",
        field: "external",
        says: "provisioning Admin needs host",
    },
    Bad {
        what: "an external store with more places than one",
        spec: "{redis: {external: {provisioning: None, host: r, secretRef: {name: r}}}}",
        field: "external",
        says: "provisioning None has no host",
    },
    Bad {
        what: "a port without a host",
        spec: "{redis: {external: {provisioning: None, port: 6380, secretRef: {name: r}}}}",
        field: "external",
        says: "port and managementPort go with host",
    },
    Bad {
        what: "a host that is a URL",
        spec: r#"{postgres: {external: {host: "postgres://db:5432", secretRef: {name: db}}}}"#,
        field: "host",
        says: "not a host",
    },
    Bad {
        what: "a management port where there is none",
        spec: "{redis: {external: {host: r, managementPort: 1, secretRef: {name: r}}}}",
        field: "managementPort",
        says: "only rabbitmq has a management API",
    },
    Bad {
        what: "a Secret that no object could be",
        spec: "{postgres: {external: {host: db, secretRef: {name: My_Secret}}}}",
        field: "secretRef",
        says: "not the name of a Kubernetes object",
    },
    Bad {
        what: "two ways in",
        spec: "{exposure: {nodePort: {}, loadBalancer: {}}}",
        field: "exposure",
        says: "write exactly one of none, nodePort or loadBalancer",
    },
    Bad {
        what: "an exposure that says nothing",
        spec: "{exposure: {}}",
        field: "exposure",
        says: "write exactly one of none, nodePort or loadBalancer",
    },
    Bad {
        what: "a port that is none",
        spec: "{exposure: {nodePort: {port: 70000}}}",
        field: "port",
        says: "should be less than or equal to 65535",
    },
    Bad {
        what: "a time without a unit",
        spec: r#"{rollout: {tierTimeout: "300"}}"#,
        field: "tierTimeout",
        says: "not a time between 10s and 24h",
    },
    Bad {
        what: "no time at all",
        spec: "{rollout: {tierTimeout: 1s}}",
        field: "tierTimeout",
        says: "not a time between 10s and 24h",
    },
    Bad {
        what: "a reaction that is not there",
        spec: "{rollout: {onFailure: Panic}}",
        field: "onFailure",
        says: "Unsupported value: \"Panic\"",
    },
    Bad {
        what: "a version with a v",
        spec: "{version: v1.2.3}",
        field: "version",
        says: "without a leading v",
    },
    Bad {
        what: "a registry with a scheme",
        spec: r#"{image: {registry: "https://ghcr.io/acme"}}"#,
        field: "registry",
        says: "without https://",
    },
    Bad {
        what: "a way to fetch that is not there",
        spec: "{image: {pullPolicy: Sometimes}}",
        field: "pullPolicy",
        says: "Unsupported value: \"Sometimes\"",
    },
    Bad {
        what: "data that is neither kept nor deleted",
        spec: "{deletionPolicy: Archive}",
        field: "deletionPolicy",
        says: "Unsupported value: \"Archive\"",
    },
];

/// Refused by `validate`, with the field and the message of its finding.
pub const INVALID: &[Bad] = &[
    Bad {
        what: "auth switched off under the others",
        spec: "{services: [{name: auth, enabled: false}]}",
        field: "spec.services[auth].enabled",
        says: "auth can't be disabled, user and gateway can't work without it",
    },
    Bad {
        what: "user switched off under the gateway",
        spec: "{services: [{name: user, enabled: false}]}",
        field: "spec.services[user].enabled",
        says: "gateway can't work without it",
    },
    Bad {
        what: "a version that the operator doesn't know yet",
        spec: "{version: 999.0.0}",
        field: "spec.version",
        says: "999.0.0 is newer than this operator",
    },
    Bad {
        what: "too little memory for RabbitMQ",
        spec: "{rabbitmq: {managed: {resources: {limits: {memory: 64Mi}}}}}",
        field: "spec.rabbitmq.managed.resources.limits.memory",
        says: "write at least 256Mi",
    },
];

pub const CHANGES: &[Change] = &[
    Change {
        what: "a smaller volume",
        from: "{postgres: {managed: {storage: 20Gi}}}",
        to: "{postgres: {managed: {storage: 10Gi}}}",
        refused: Some("postgres.managed.storage can't be made smaller"),
    },
    Change {
        what: "a volume smaller than the default was",
        from: "{}",
        to: "{redis: {managed: {storage: 500Mi}}}",
        refused: Some("redis.managed.storage can't be made smaller"),
    },
    Change {
        what: "a larger volume",
        from: "{}",
        to: "{rabbitmq: {managed: {storage: 3Gi}}}",
        refused: None,
    },
    Change {
        what: "the same volume in other words",
        from: "{postgres: {managed: {storage: 10Gi}}}",
        to: "{postgres: {managed: {storage: 10240Mi}}}",
        refused: None,
    },
    Change {
        what: "another storage class",
        from: "{postgres: {managed: {storageClass: fast}}}",
        to: "{postgres: {managed: {storageClass: slow}}}",
        refused: Some("postgres.managed.storageClass can't be changed"),
    },
    Change {
        what: "a storage class afterwards",
        from: "{}",
        to: "{postgres: {managed: {storageClass: fast}}}",
        refused: Some("postgres.managed.storageClass can't be changed"),
    },
    Change {
        what: "a managed store given away",
        from: "{}",
        to: "{rabbitmq: {external: {host: mq, secretRef: {name: mq}}}}",
        refused: Some("rabbitmq can't be moved between managed and external"),
    },
    Change {
        what: "an external store taken over",
        from: "{redis: {external: {host: r, secretRef: {name: r}}}}",
        to: "{}",
        refused: Some("redis can't be moved between managed and external"),
    },
    Change {
        what: "another place for an external store",
        from: "{redis: {external: {host: a, secretRef: {name: r}}}}",
        to: "{redis: {external: {host: b, secretRef: {name: r}}}}",
        refused: None,
    },
    Change {
        what: "another class of load balancer",
        from: "{exposure: {loadBalancer: {class: a.example.com/lb}}}",
        to: "{exposure: {loadBalancer: {class: b.example.com/lb}}}",
        refused: Some("loadBalancer.class can't be changed"),
    },
    Change {
        what: "another way in",
        from: "{exposure: {loadBalancer: {class: a.example.com/lb}}}",
        to: "{exposure: {nodePort: {}}}",
        refused: None,
    },
    Change {
        what: "everything said that was meant",
        from: "{}",
        to: "{postgres: {managed: {storage: 10Gi}}, deletionPolicy: RetainData, rollout: {tierTimeout: 5m}}",
        refused: None,
    },
];

/// Names of platforms, each with a part of what its refusal says.
pub const NAMES: &[(&str, Option<&str>)] = &[
    ("orion", None),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", None),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Some("metadata.name is longer than 40 characters")),
    ("team.orion", Some("metadata.name must start with a letter")),
    ("1st", Some("metadata.name must start with a letter")),
];
