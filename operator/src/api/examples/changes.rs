//! Changes of a platform and names for one, accepted and refused.

use super::Change;

pub const CHANGES: &[Change] = &[
    Change {
        // The larger one may never have been granted: see validate/stores.rs.
        what: "a smaller volume",
        from: "{postgres: {managed: {storage: 20Gi}}}",
        to: "{postgres: {managed: {storage: 10Gi}}}",
        refused: None,
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
        // Whether it may be is the operator's to say: see validate/stores.rs.
        what: "a managed store with a large volume of a class given away",
        from: "{rabbitmq: {managed: {storage: 20Gi, storageClass: fast}}}",
        to: "{rabbitmq: {external: {host: mq, secretRef: {name: mq}}}}",
        refused: None,
    },
    Change {
        what: "an external store taken over",
        from: "{redis: {external: {host: r, secretRef: {name: r}}}}",
        to: "{redis: {managed: {storage: 500Mi, storageClass: fast}}}",
        refused: None,
    },
    Change {
        what: "fewer instances than queues are spread over",
        from: "{rabbitmq: {clusterOperator: {instances: 5}}}",
        to: "{rabbitmq: {clusterOperator: {instances: 3}}}",
        refused: Some("rabbitmq.clusterOperator.instances can't be made fewer"),
    },
    Change {
        what: "fewer Sentinels than have a say",
        from: "{redis: {sentinel: {instances: 5}}}",
        to: "{redis: {sentinel: {}}}",
        refused: Some("redis.sentinel.instances can't be made fewer"),
    },
    Change {
        what: "more Sentinels",
        from: "{redis: {sentinel: {}}}",
        to: "{redis: {sentinel: {instances: 5}}}",
        refused: None,
    },
    Change {
        what: "fewer instances of PostgreSQL",
        from: "{postgres: {cloudNativePg: {instances: 3}}}",
        to: "{postgres: {cloudNativePg: {instances: 1}}}",
        refused: None,
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
