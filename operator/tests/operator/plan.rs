//! Plans as they are: snapshots for people to read in a review, and what must hold of each.

use operator::api::examples::platform;
use operator::plan::{Inputs, Plan, UnitKind, plan};

pub(crate) const IMAGE: &str = "ghcr.io/orion-platform/storekeeper:0.1.0";

pub(crate) fn planned(spec: &str) -> Plan {
    let platform = platform("team", "orion", spec);
    plan(&Inputs {
        platform: &platform,
        storekeeper_image: IMAGE,
        operator_namespace: "orion-system",
        operator_version: "0.1.0",
    })
}

/// Only the objects of these units, as they would be applied.
fn objects(spec: &str, units: &[&str]) -> Vec<serde_json::Value> {
    let plan = planned(spec);
    units.iter().flat_map(|name| plan.unit(name).expect("a unit of the catalog").objects.clone()).collect()
}

#[test]
fn an_empty_spec_is_a_whole_platform() {
    insta::assert_yaml_snapshot!(planned("{}"));
}

#[test]
fn a_service_with_every_setting_has_them_in_its_deployment() {
    let spec = r#"
        version: 0.0.9
        image: {registry: registry.example.com/acme, pullPolicy: Always, pullSecrets: [{name: registry}]}
        services:
          - name: user
            replicas: 3
            env: [{name: ORION_LOG, value: debug}]
            resources: {requests: {memory: 512Mi}, limits: {cpu: "1"}}
            pod:
              nodeSelector: {disktype: ssd}
              tolerations: [{key: spot, operator: Exists, effect: NoSchedule, tolerationSeconds: 60}]
              topologySpread: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone}]
              annotations: {example.com/scrape: "true"}
    "#;
    insta::assert_yaml_snapshot!(objects(spec, &["user"]));
}

#[test]
fn a_managed_store_with_every_setting_has_them_in_its_objects() {
    let spec = r#"
        postgres:
          managed:
            image: example.com/postgres:17
            storage: 100Gi
            storageClass: fast
            resources: {requests: {cpu: "2", memory: 4Gi}, limits: {cpu: "4", memory: 8Gi}}
            securityContext: {runAsUser: 26, runAsGroup: 27, fsGroup: 28}
    "#;
    insta::assert_yaml_snapshot!(objects(spec, &["postgres"]));
}

#[test]
fn external_stores_have_no_objects_and_are_provisioned_with_their_admin_secret() {
    let spec = r#"
        postgres: {external: {host: db.example.com, port: 6432, secretRef: {name: db-admin}}}
        redis: {external: {host: redis.example.com, tls: false, secretRef: {name: redis-admin}}}
        rabbitmq: {external: {host: mq.example.com, secretRef: {name: mq-admin}}}
    "#;
    let plan = planned(spec);
    for store in ["postgres", "redis", "rabbitmq"] {
        let unit = plan.unit(store).expect("a store");
        assert!(unit.enabled && unit.objects.is_empty() && unit.secrets.is_empty(), "{store}: {unit:?}");
    }
    insta::assert_yaml_snapshot!(plan.unit("provision"));
    // What opens the data there outlives the platform, as the data does.
    let secrets: Vec<_> =
        plan.unit("auth").iter().flat_map(|u| &u.secrets).map(|s| (&s.name, &s.labels)).collect();
    insta::assert_yaml_snapshot!(secrets);
}

#[test]
fn an_authority_of_a_store_reaches_the_job_and_the_services_that_use_it() {
    let spec = r#"
        postgres: {external: {host: db.example.com, secretRef: {name: db}, caSecretRef: {name: db}}}
        redis: {external: {provisioning: None, secretRef: {name: urls}, caSecretRef: {name: pki, key: root.pem}}}
    "#;
    let plan = planned(spec);
    assert!(document(&plan).contains(r#""caFile": "/run/orion/provision/db/ca.crt""#));
    let pod = |unit: &str, kind: &str| {
        let objects = objects(spec, &[unit]);
        let object = objects.iter().find(|o| o["kind"] == kind).expect("a workload");
        object["spec"]["template"]["spec"].clone()
    };
    let volumes = |pod: &serde_json::Value, name: &str| {
        let all = pod["volumes"].as_array().expect("volumes");
        all.iter().filter(|v| v["secret"]["secretName"] == name).cloned().collect::<Vec<_>>()
    };
    let job = pod("provision", "Job");
    let keys = serde_json::json!(
        ["ca.crt", "password", "username"].map(|k| serde_json::json!({"key": k, "path": k}))
    );
    assert_eq!(volumes(&job, "db")[0]["secret"]["items"], keys);
    assert!(volumes(&job, "pki").is_empty(), "nothing is provisioned there");
    let auth = pod("auth", "Deployment");
    let items = serde_json::json!([{"key": "root.pem", "path": "ca.crt"}]);
    assert_eq!(volumes(&auth, "pki")[0]["secret"]["items"], items);
    let env = &auth["containers"][0]["env"];
    for (name, file) in [
        ("ORION_DATABASE_CA_FILE", "/run/orion/authorities/postgres/ca.crt"),
        ("ORION_REDIS_CA_FILE", "/run/orion/authorities/redis/ca.crt"),
    ] {
        let set = serde_json::json!({"name": name, "value": file});
        assert!(env.as_array().expect("variables").contains(&set), "{name}");
    }
    assert!(env.as_array().expect("variables").iter().all(|v| v["name"] != "ORION_AMQP_CA_FILE"));
}

const REPLICATED: &str = r#"
    image: {pullSecrets: [{name: registry}]}
    postgres:
      cloudNativePg:
        storage: 50Gi
        storageClass: fast
        resources: {requests: {cpu: "1", memory: 2Gi}, limits: {memory: 2Gi}}
    rabbitmq: {clusterOperator: {instances: 5, image: "docker.io/library/rabbitmq:4.1-management", storageClass: fast}}
"#;

#[test]
fn replicated_stores_are_asked_for_and_used_with_the_secrets_that_their_operators_make() {
    insta::assert_yaml_snapshot!(objects(REPLICATED, &["postgres", "rabbitmq", "provision"]));
    let plan = planned(REPLICATED);
    let auth = plan.unit("auth").expect("a unit");
    let urls: Vec<_> =
        auth.secrets.iter().flat_map(|s| &s.keys).filter(|(key, _)| key.ends_with("-url")).collect();
    insta::assert_yaml_snapshot!(urls);
}

#[test]
fn redis_by_sentinel_is_run_in_several_pods_and_found_through_their_sentinels() {
    let spec = r#"
        redis: {sentinel: {storageClass: fast, resources: {limits: {memory: 512Mi}}}}
        networkPolicies: {enabled: true}
        backup: {schedule: "0 3 * * *", to: {volume: {}}}
    "#;
    insta::assert_yaml_snapshot!(objects(spec, &["redis"]));
    let plan = planned(spec);
    let secrets = |unit: &str| plan.unit(unit).expect("a unit").secrets.clone();
    let urls: Vec<_> =
        secrets("auth").into_iter().flat_map(|s| s.keys).filter(|(k, _)| k == "redis-url").collect();
    insta::assert_yaml_snapshot!((secrets("redis"), urls));
    for (unit, file) in [("provision", "provision.json"), ("backup", "backup.json")] {
        let objects = &plan.unit(unit).expect("a unit").objects;
        let config = objects.iter().find(|o| o["kind"] == "ConfigMap").expect("a document");
        let document: serde_json::Value =
            serde_json::from_str(config["data"][file].as_str().expect("text")).expect("JSON");
        let server = if unit == "backup" { &document["redis"] } else { &document["redis"]["server"] };
        assert_eq!(server["host"], "orion-redis-0.orion-redis-nodes");
        assert_eq!(server["others"].as_array().map(Vec::len), Some(2), "{server}");
    }
}

#[test]
fn another_number_of_sentinels_restarts_no_service() {
    let units = |instances: u8| {
        let plan = planned(&format!("{{redis: {{sentinel: {{instances: {instances}}}}}}}"));
        let auth = plan.unit("auth").expect("a unit").clone();
        let claims = plan.unit("redis").expect("a unit").objects.clone();
        (auth, claims.iter().filter(|o| o["kind"] == "PersistentVolumeClaim").count())
    };
    let ((three, claims_of_three), (five, claims_of_five)) = (units(3), units(5));
    assert_eq!((three, claims_of_three, claims_of_five), (five, 3, 5));
}

#[test]
fn network_policies_let_services_reach_the_pods_of_replicated_stores() {
    let spec =
        "{networkPolicies: {enabled: true}, postgres: {cloudNativePg: {}}, rabbitmq: {clusterOperator: {}}}";
    let objects = objects(spec, &["auth"]);
    let policy = objects.iter().find(|o| o["kind"] == "NetworkPolicy").expect("a policy").to_string();
    for labels in
        [r#"{"cnpg.io/cluster":"orion-postgres"}"#, r#"{"app.kubernetes.io/name":"orion-rabbitmq"}"#]
    {
        assert!(policy.contains(labels), "{policy}");
    }
}

/// The fields that are written, of CloudNativePG's Cluster (postgresql.cnpg.io/v1, seen in 1.30) and of RabbitmqCluster
/// (rabbitmq.com/v1beta1, seen in 2.x of August 2026), with their types there.
const PUBLISHED: [(&str, &[(&str, &str)]); 2] = [
    (
        "postgresql.cnpg.io/v1 Cluster",
        &[
            ("/instances", "integer"),
            ("/imageName", "string"),
            ("/enableSuperuserAccess", "boolean"),
            ("/storage/size", "string"),
            ("/storage/storageClass", "string"),
            ("/resources/requests/cpu", "string"),
            ("/resources/requests/memory", "string"),
            ("/resources/limits/memory", "string"),
            ("/imagePullSecrets/0/name", "string"),
        ],
    ),
    (
        "rabbitmq.com/v1beta1 RabbitmqCluster",
        &[
            ("/replicas", "integer"),
            ("/image", "string"),
            ("/persistence/storage", "string"),
            ("/persistence/storageClassName", "string"),
            ("/imagePullSecrets/0/name", "string"),
        ],
    ),
];

#[test]
fn only_published_fields_of_other_operators_are_written() {
    for (object, (kind, fields)) in objects(REPLICATED, &["postgres", "rabbitmq"]).iter().zip(PUBLISHED) {
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        assert_eq!(format!("{} {}", text(&object["apiVersion"]), text(&object["kind"])), kind);
        let mut found = Vec::new();
        leaves(&object["spec"], "", &mut found);
        let mut known: Vec<(String, &str)> =
            fields.iter().map(|(path, kind)| ((*path).to_owned(), *kind)).collect();
        known.sort();
        found.sort();
        assert_eq!(found, known, "{kind}");
    }
}

fn leaves(value: &serde_json::Value, path: &str, found: &mut Vec<(String, &'static str)>) {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, v)| leaves(v, &format!("{path}/{name}"), found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, v)| leaves(v, &format!("{path}/{n}"), found));
        }
        Value::String(_) => found.push((path.to_owned(), "string")),
        Value::Number(_) => found.push((path.to_owned(), "integer")),
        Value::Bool(_) => found.push((path.to_owned(), "boolean")),
        Value::Null => found.push((path.to_owned(), "null")),
    }
}

#[test]
fn stores_that_others_provision_need_no_job_and_give_their_urls() {
    let spec = r#"
        postgres: {external: {provisioning: None, secretRef: {name: databases}}}
        redis: {external: {provisioning: None, secretRef: {name: caches}}}
        rabbitmq: {external: {provisioning: None, secretRef: {name: brokers}}}
    "#;
    let plan = planned(spec);
    let provision = plan.unit("provision").expect("always in the plan");
    assert!(!provision.enabled && provision.objects.is_empty(), "{provision:?}");
    assert!(plan.units.iter().all(|u| u.needs.iter().all(|n| n.on != "provision")));
    insta::assert_yaml_snapshot!(plan.unit("auth").map(|u| &u.secrets));
}

#[test]
fn the_gateway_is_exposed_by_a_service_of_its_own_without_the_management_port() {
    let node_port = objects("{exposure: {nodePort: {port: 30080}}}", &["gateway"]);
    let balancer = "{exposure: {loadBalancer: {class: example.com/lb, annotations: {example.com/a: b}}}}";
    let balancer = objects(balancer, &["gateway"]);
    let external = |objects: Vec<serde_json::Value>| {
        objects.into_iter().find(|o| o["metadata"]["name"] == "orion-gateway-external").expect("a Service")
    };
    insta::assert_yaml_snapshot!([external(node_port), external(balancer)]);
    for spec in ["{}", "{exposure: {none: {}}}"] {
        assert!(objects(spec, &["gateway"]).iter().all(|o| o["spec"]["type"] != "NodePort"));
    }
}

/// The objects of the gateway by which an exposure differs from none.
fn way_in(exposure: &str) -> Vec<serde_json::Value> {
    let without = objects("{}", &["gateway"]);
    let mut with = objects(&format!("{{exposure: {exposure}}}"), &["gateway"]);
    with.retain(|object| object["kind"] != "Deployment" && !without.contains(object));
    with
}

#[test]
fn behind_an_ingress_the_gateway_has_one_with_its_certificate() {
    let plain = way_in("{ingress: {host: shop.example.com}}");
    let secret = way_in(
        "{ingress: {className: nginx, host: shop.example.com, path: /api, annotations: {example.com/a: b}, tls: {secretName: shop-tls}}}",
    );
    let managed =
        way_in("{ingress: {host: shop.example.com, tls: {certManager: {issuer: {name: letsencrypt}}}}}");
    insta::assert_yaml_snapshot!([plain, secret, managed]);
}

#[test]
fn behind_a_gateway_there_is_a_route_to_it() {
    insta::assert_yaml_snapshot!(way_in(
        "{gatewayApi: {hosts: [shop.example.com, '*.shop.example.com'], parentRefs: [{name: public, namespace: edge, sectionName: https}, {name: internal}]}}",
    ));
}

#[test]
fn network_policies_stand_before_the_pods_that_they_are_about() {
    let plan = planned("{networkPolicies: {}}");
    let mut policies = Vec::new();
    for unit in plan.units.iter().filter(|unit| unit.enabled) {
        let place =
            |kinds: &[&str]| unit.objects.iter().position(|o| kinds.iter().any(|kind| o["kind"] == *kind));
        let policy = place(&["NetworkPolicy"]).expect("every unit has a policy");
        assert!(Some(policy) < place(&["Deployment", "StatefulSet", "Job"]), "{}", unit.name);
        policies.push(unit.objects[policy]["spec"].clone());
    }
    insta::assert_yaml_snapshot!(policies);
}

/// Switching them on restarts nothing.
#[test]
fn network_policies_change_nothing_else() {
    let (before, mut after) = (planned("{}"), planned("{networkPolicies: {}}"));
    for unit in &mut after.units {
        unit.objects.retain(|object| object["kind"] != "NetworkPolicy");
    }
    assert_eq!(before, after);
}

/// Whoever is behind a node's address is not one client: see ORION_SOURCE_ADDRESS of the gateway.
#[test]
fn the_gateway_is_told_where_client_addresses_are_lost() {
    for (exposure, policy, source) in [
        ("{none: {}}", None, "peer"),
        ("{nodePort: {}}", Some("Cluster"), "shared"),
        ("{nodePort: {externalTrafficPolicy: Local}}", Some("Local"), "peer"),
        ("{loadBalancer: {}}", Some("Local"), "peer"),
        ("{loadBalancer: {externalTrafficPolicy: Cluster}}", Some("Cluster"), "shared"),
        ("{ingress: {host: a.example.com}}", None, "shared"),
        ("{gatewayApi: {hosts: [a.example.com], parentRefs: [{name: a}]}}", None, "shared"),
    ] {
        let objects = objects(&format!("{{exposure: {exposure}}}"), &["gateway"]);
        let external = objects.iter().find(|o| o["metadata"]["name"] == "orion-gateway-external");
        assert_eq!(external.and_then(|o| o["spec"]["externalTrafficPolicy"].as_str()), policy, "{exposure}");
        let deployment = objects.iter().find(|o| o["kind"] == "Deployment").expect("a Deployment");
        let env =
            deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().expect("variables");
        let told = env.iter().find(|v| v["name"] == "ORION_SOURCE_ADDRESS").expect("always told");
        assert_eq!(told["value"], source, "{exposure}");
    }
}

/// Nobody is believed who isn't named: what a client writes itself into X-Forwarded-For counts for nothing.
#[test]
fn only_named_proxies_are_believed() {
    let told = |exposure: &str| {
        let objects = objects(&format!("{{exposure: {exposure}}}"), &["gateway"]);
        let deployment = objects.iter().find(|o| o["kind"] == "Deployment").expect("a Deployment").clone();
        let env = &deployment["spec"]["template"]["spec"]["containers"][0]["env"];
        let env = env.as_array().expect("variables");
        let told = env.iter().find(|v| v["name"] == "ORION_TRUSTED_PROXIES");
        told.map(|variable| variable["value"].as_str().expect("a list").to_owned())
    };
    assert_eq!(told("{none: {}}"), None);
    assert_eq!(told("{ingress: {host: a.example.com}}"), None);
    let named = "trustedProxies: [10.42.7.0/24, 'fd00::/64']";
    let networks = Some("10.42.7.0/24,fd00::/64".to_owned());
    for exposure in ["ingress: {host: a.example.com}", "loadBalancer: {}", "nodePort: {}"] {
        assert_eq!(told(&format!("{{{exposure}, {named}}}")), networks, "{exposure}");
    }
}

#[test]
fn a_disabled_service_has_nothing_and_is_not_waited_for() {
    let plan = planned("{services: [{name: gateway, enabled: false}, {name: user, enabled: false}]}");
    for name in ["gateway", "user"] {
        let unit = plan.unit(name).expect("still in the plan, to be removed");
        assert!(!unit.enabled && unit.objects.is_empty() && unit.secrets.is_empty(), "{unit:?}");
    }
    let document = document(&plan);
    assert!(document.contains("auth_db") && !document.contains("user_db"), "{document}");
}

#[test]
fn units_come_by_tier_and_each_service_after_its_needs_and_provisioning() {
    let plan = planned("{}");
    let names: Vec<&str> = plan.units.iter().map(|u| u.name.as_str()).collect();
    assert_eq!(
        names,
        ["postgres", "rabbitmq", "redis", "provision", "restore", "backup", "auth", "user", "gateway"]
    );
    let place = |name: &str| names.iter().position(|n| *n == name).expect("a unit");
    for unit in &plan.units {
        assert!(unit.needs.iter().all(|need| place(&need.on) < place(&unit.name)), "{unit:?}");
        let provisioned = unit.needs.iter().any(|need| need.on == "provision" && need.hard);
        assert_eq!(provisioned, unit.kind == UnitKind::Service, "{}", unit.name);
    }
}

#[test]
fn a_setting_of_a_service_reaches_its_container_and_no_other() {
    let spec =
        "{services: [{name: auth, env: [{name: ORION_OTLP_ENDPOINT, value: 'http://collector:4318'}]}]}";
    let env = |unit: &str| {
        let objects = objects(spec, &[unit]);
        let deployment = objects.iter().find(|o| o["kind"] == "Deployment").expect("a Deployment");
        deployment["spec"]["template"]["spec"]["containers"][0]["env"].clone()
    };
    let set = serde_json::json!({"name": "ORION_OTLP_ENDPOINT", "value": "http://collector:4318"});
    let has = |unit: &str| env(unit).as_array().expect("a list").contains(&set);
    assert!(has("auth") && !has("user") && !has("gateway"));
}

/// Pods must not roll because something else has changed: their hash is their own.
#[test]
fn a_change_of_one_unit_leaves_the_objects_of_the_others_alone() {
    let before = planned("{}");
    let after = planned(
        "{services: [{name: user, env: [{name: ORION_LOG, value: debug}]}], exposure: {nodePort: {}}}",
    );
    for unit in before.units.iter().filter(|u| !["user", "gateway"].contains(&u.name.as_str())) {
        assert_eq!(Some(unit), after.unit(&unit.name));
    }
    assert_ne!(before.unit("user"), after.unit("user"));
}

#[test]
fn the_provision_job_is_named_by_what_it_does() {
    let job = |spec: &str| {
        let job = objects(spec, &["provision"]).into_iter().find(|o| o["kind"] == "Job").expect("a Job");
        job["metadata"]["name"].as_str().expect("a name").to_owned()
    };
    assert_eq!(job("{}"), job("{services: [{name: auth, replicas: 2}]}"));
    assert_ne!(job("{}"), job("{services: [{name: gateway, enabled: false}]}"));
    let late = |late| operator::plan::provision::job_name("orion", "provision", "0123abcd", late);
    assert_eq!(late(""), "orion-provision-0123abcd");
    assert_ne!(late("one password"), late("another"));
}

/// A plan can be stored, and read again by a later operator.
#[test]
fn a_plan_survives_being_written_down() {
    let plan = planned("{}");
    let text = serde_json::to_string(&plan).expect("JSON");
    assert_eq!(serde_json::from_str::<Plan>(&text).expect("its own JSON"), plan);
}

#[test]
fn no_plan_holds_a_value_that_is_made() {
    use operator::plan::SecretKey;
    let plan = planned("{}");
    let made = plan.units.iter().flat_map(|u| &u.secrets).flat_map(|s| &s.keys);
    assert!(made.clone().any(|(_, key)| *key == SecretKey::Key256));
    assert!(plan.units.iter().flat_map(|u| &u.objects).all(|o| o["kind"] != "Secret"));
}

fn document(plan: &Plan) -> String {
    let provision = plan.unit("provision").expect("a unit");
    let config = provision.objects.iter().find(|o| o["kind"] == "ConfigMap").expect("a ConfigMap");
    config["data"]["provision.json"].as_str().expect("a file").to_owned()
}
