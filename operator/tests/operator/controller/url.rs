//! Where the status says that the gateway is reached.

use operator::controller::cache::Children;
use operator::controller::{observe, status};
use serde_json::{Value, json};
use std::sync::Arc;

/// What is said of a platform with this exposure once the cluster has added this to the object that stands for it.
fn said(exposure: &str, kind: &'static str, name: &str, added: Value) -> Option<String> {
    let plan = crate::plan::planned(&format!("{{exposure: {exposure}}}"));
    let gateway = plan.unit("gateway").expect("a gateway");
    let planned = gateway.objects.iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name);
    let mut live = planned.expect("the object is planned").clone();
    merge(&mut live, added);
    let children = Children::from([((kind, name.to_owned()), Arc::new(live))]);
    let units = observe::units(&plan, "0.1.0", &Default::default(), &children);
    assert_eq!(status::url(&units, &Children::new()), None, "nothing is there yet");
    status::url(&units, &children)
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (Value::Array(into), Value::Array(from)) => {
            into.iter_mut().zip(from).for_each(|(into, from)| merge(into, from));
        }
        (into, from) => *into = from,
    }
}

const EXTERNAL: &str = "orion-gateway-external";

#[test]
fn a_port_on_every_node_is_known_when_the_cluster_has_picked_it() {
    let said = |added| said("{nodePort: {}}", "Service", EXTERNAL, added);
    assert_eq!(said(json!({})), None);
    let picked = json!({"spec": {"ports": [{"nodePort": 31234}]}});
    assert_eq!(said(picked).as_deref(), Some("http://NODE:31234"));
}

#[test]
fn a_load_balancer_is_known_when_its_provider_has_said_where_it_is() {
    let at =
        |exposure, at: Value| said(exposure, "Service", EXTERNAL, json!({"status": {"loadBalancer": at}}));
    let ingress = |at: Value| json!({"ingress": [at]});
    assert_eq!(at("{loadBalancer: {}}", json!({})), None);
    let ip = |ip: &str| ingress(json!({"ip": ip}));
    assert_eq!(at("{loadBalancer: {}}", ip("192.0.2.7")).as_deref(), Some("http://192.0.2.7"));
    assert_eq!(at("{loadBalancer: {}}", ip("2001:db8::7")).as_deref(), Some("http://[2001:db8::7]"));
    let name = || ingress(json!({"hostname": "lb.example.com"}));
    assert_eq!(at("{loadBalancer: {port: 443}}", name()).as_deref(), Some("https://lb.example.com"));
    assert_eq!(at("{loadBalancer: {port: 8080}}", name()).as_deref(), Some("http://lb.example.com:8080"));
}

#[test]
fn behind_an_ingress_it_is_the_host_by_https_where_there_is_a_certificate() {
    let said = |exposure| said(exposure, "Ingress", "orion-gateway", json!({}));
    assert_eq!(said("{ingress: {host: a.example.com}}").as_deref(), Some("http://a.example.com"));
    let tls = "{ingress: {host: a.example.com, path: /api, tls: {secretName: a}}}";
    assert_eq!(said(tls).as_deref(), Some("https://a.example.com/api"));
}

#[test]
fn behind_a_gateway_only_the_host_is_known() {
    let exposure = "{gatewayApi: {hosts: [a.example.com, b.example.com], parentRefs: [{name: a}]}}";
    assert_eq!(said(exposure, "HTTPRoute", "orion-gateway", json!({})).as_deref(), Some("a.example.com"));
}

#[test]
fn the_old_way_in_counts_while_it_is_there() {
    let old = json!({
        "kind": "Service", "metadata": {"name": EXTERNAL, "labels": {"orion.dev/exposure": "external"}},
        "spec": {"type": "NodePort", "ports": [{"port": 3000, "nodePort": 31234}]},
    });
    let children = Children::from([(("Service", EXTERNAL.to_owned()), Arc::new(old))]);
    let planned = |exposure: &str| crate::plan::planned(&format!("{{exposure: {exposure}}}"));
    let units = |plan| observe::units(plan, "0.1.0", &Default::default(), &children);
    let waits = planned("{gatewayApi: {hosts: [a.example.com], parentRefs: [{name: a}]}}");
    assert_eq!(status::url(&units(&waits), &children).as_deref(), Some("http://NODE:31234"));
}
