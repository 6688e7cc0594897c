//! NetworkPolicies, proved by evaluating them over all pairs of parties: exactly what the catalog and the spec say is
//! open, in both directions, and nothing else.

mod evaluate;
mod parties;

use super::plan::IMAGE;
use catalog::{SERVICES, STORES, Service};
use evaluate::{Port, allowed};
use operator::api::examples::platform;
use operator::plan::{Inputs, network::policies, plan};
use parties::{Case, PORTS, everybody};
use serde_json::Value;
use std::collections::BTreeSet;

/// Name of who opens it, name of who takes it, and the port.
type Open = BTreeSet<(String, String, Port)>;

fn planned(spec: &str) -> Vec<Value> {
    let platform = platform("team", "orion", spec);
    let inputs = inputs(&platform);
    let objects = plan(&inputs).units.into_iter().flat_map(|unit| unit.objects);
    let planned: Vec<Value> = objects.filter(|object| object["kind"] == "NetworkPolicy").collect();
    let mut all = policies(&inputs, SERVICES);
    all.retain(|policy| planned.contains(policy));
    assert_eq!(all.len(), planned.len(), "the plan has the policies and no others");
    all
}

fn inputs(platform: &operator::api::OrionPlatform) -> Inputs<'_> {
    Inputs {
        platform,
        storekeeper_image: IMAGE,
        operator_namespace: "orion-system",
        operator_version: "0.1.0",
    }
}

/// As if these were the services of the catalog.
fn planned_for(spec: &str, services: &[Service]) -> Vec<Value> {
    policies(&inputs(&platform("team", "orion", spec)), services)
}

/// All that is open under these policies, among all pairs of parties that the platform has a part in.
fn open(policies: &[Value]) -> Open {
    let all = everybody();
    let mut open = Open::new();
    for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (from, to))) {
        for port in PORTS {
            if allowed(policies, &from.party, &to.party, port) {
                open.insert((from.party.name.clone(), to.party.name.clone(), port));
            }
        }
    }
    open
}

/// The same by the catalog and the case alone.
fn meant(case: &Case, services: &[Service]) -> Open {
    let all = everybody();
    let mut open = Open::new();
    for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (from, to))) {
        for port in PORTS {
            if case.opens(services, from, to, port) && case.takes(services, from, to, port) {
                open.insert((from.party.name.clone(), to.party.name.clone(), port));
            }
        }
    }
    open
}

#[track_caller]
fn assert_same(what: &str, found: &Open, meant: &Open) {
    let told =
        |open: &(String, String, Port)| format!("  {} -> {} {} {}", open.0, open.1, open.2.0, open.2.1);
    let list = |a: &Open, b: &Open| a.difference(b).map(told).collect::<Vec<_>>().join("\n");
    assert!(
        found == meant,
        "{what}\nopen and not meant:\n{}\nmeant and not open:\n{}",
        list(found, meant),
        list(meant, found)
    );
}

#[test]
fn exactly_what_the_catalog_and_the_spec_say_is_open_and_nothing_else() {
    for case in Case::all() {
        let found = open(&planned(case.spec));
        assert_same(case.spec, &found, &meant(&case, SERVICES));
        assert!(!found.is_empty());
    }
}

#[test]
fn without_policies_wanted_there_are_none() {
    for spec in ["{}", "{networkPolicies: {enabled: false, egressCIDRs: [10.0.0.0/8]}}"] {
        assert_eq!(planned(spec), Vec::<Value>::new(), "{spec}");
    }
}

/// Were a call left out of the policies, the check above would see it.
#[test]
fn a_call_dropped_from_the_catalog_closes_that_call_and_nothing_else() {
    let spec = "{networkPolicies: {}}";
    let whole = open(&planned(spec));
    let mut dropped = 0;
    for (index, service) in SERVICES.iter().enumerate() {
        // Everybody asks auth for its keys, called or not.
        for callee in service.calls.iter().filter(|callee| **callee != "auth") {
            let fewer: Vec<&'static str> = service.calls.iter().copied().filter(|c| c != callee).collect();
            let mut services = SERVICES.to_vec();
            services[index].calls = Box::leak(fewer.into_boxed_slice());
            let port = catalog::service(callee).expect("a service").port;
            let mut meant = whole.clone();
            assert!(meant.remove(&(service.name.to_owned(), (*callee).to_owned(), Port("TCP", port))));
            assert_same(service.name, &open(&planned_for(spec, &services)), &meant);
            dropped += 1;
        }
    }
    assert!(dropped > 0, "no call was there to drop");
}

#[test]
fn a_store_dropped_from_a_service_is_closed_to_it_and_to_nobody_else() {
    let spec = "{networkPolicies: {}}";
    let whole = open(&planned(spec));
    for (index, service) in SERVICES.iter().enumerate() {
        for store in STORES.iter().filter(|store| service.stores().any(|used| used == store.store)) {
            let fewer: Vec<catalog::Need> =
                service.needs.iter().copied().filter(|need| need.on != store.name).collect();
            let mut services = SERVICES.to_vec();
            services[index].needs = Box::leak(fewer.into_boxed_slice());
            let mut meant = whole.clone();
            assert!(meant.remove(&(service.name.to_owned(), store.name.to_owned(), Port("TCP", store.port))));
            assert_same(service.name, &open(&planned_for(spec, &services)), &meant);
        }
    }
}

/// Each policy closes something: without it more would be open.
#[test]
fn no_policy_is_superfluous() {
    let all = planned("{networkPolicies: {}}");
    let whole = open(&all);
    assert_eq!(all.len(), STORES.len() + SERVICES.len() + 1);
    for left_out in 0..all.len() {
        let mut fewer = all.clone();
        let policy = fewer.remove(left_out);
        let opened = open(&fewer);
        assert!(opened.is_superset(&whole) && opened.len() > whole.len(), "{policy} closes nothing");
    }
}

#[test]
fn a_network_is_written_as_newer_api_servers_want_it() {
    let policies =
        planned("{networkPolicies: {egressCIDRs: [10.1.2.3/8, 192.0.2.7/32, 'fd00::1/8', 10.0.0.0/8]}}");
    let rules = policies.iter().find(|p| p["metadata"]["name"] == "orion-auth").expect("auth's");
    let rules = rules["spec"]["egress"].as_array().expect("rules");
    let networks: Vec<&str> = rules
        .iter()
        .flat_map(|rule| rule["to"].as_array().into_iter().flatten())
        .filter_map(|peer| peer["ipBlock"]["cidr"].as_str())
        .collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"]);
}
