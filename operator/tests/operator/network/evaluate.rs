//! What NetworkPolicies mean, as their reference has it: an evaluator for tests, written from the rules and not from what
//! the operator plans.

use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(crate) type Labels = BTreeMap<String, String>;

pub(crate) fn labels<const N: usize>(all: [(&str, &str); N]) -> Labels {
    all.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// A pod; or, without a namespace, a host outside the cluster, which no policy selects.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub(crate) name: String,
    pub(crate) namespace: Option<(String, Labels)>,
    pub(crate) labels: Labels,
    pub(crate) address: IpAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Port(pub(crate) &'static str, pub(crate) u16);

/// Whether `from` may open a connection to `to`: its own policies must let it out, and those of `to` must let it in.
pub(crate) fn allowed(policies: &[Value], from: &Party, to: &Party, port: Port) -> bool {
    admits(policies, "Egress", from, to, port) && admits(policies, "Ingress", to, from, port)
}

fn admits(policies: &[Value], direction: &str, own: &Party, other: &Party, port: Port) -> bool {
    let Some((namespace, _)) = &own.namespace else { return true };
    let selects = |policy: &&Value| {
        policy["metadata"]["namespace"] == **namespace
            && matches(&policy["spec"]["podSelector"], &own.labels)
            && is_about(policy, direction)
    };
    let mut isolated = false;
    for policy in policies.iter().filter(selects) {
        isolated = true;
        let (rules, peers) = if direction == "Egress" { ("egress", "to") } else { ("ingress", "from") };
        let mut rules = policy["spec"][rules].as_array().into_iter().flatten();
        if rules.any(|rule| rule_admits(rule, peers, namespace, other, port)) {
            return true;
        }
    }
    !isolated
}

/// Without policyTypes a policy is about what comes in, and about what goes out if it has rules for that.
fn is_about(policy: &Value, direction: &str) -> bool {
    match policy["spec"]["policyTypes"].as_array() {
        Some(types) => types.iter().any(|kind| kind == direction),
        None => direction == "Ingress" || policy["spec"]["egress"].is_array(),
    }
}

/// No peers, or no ports, are all of them.
fn rule_admits(rule: &Value, peers: &str, namespace: &str, other: &Party, port: Port) -> bool {
    let list = |field: &str| rule[field].as_array().filter(|list| !list.is_empty());
    list(peers).is_none_or(|peers| peers.iter().any(|peer| peer_is(peer, namespace, other)))
        && list("ports").is_none_or(|ports| ports.iter().any(|allowed| port_is(allowed, port)))
}

fn peer_is(peer: &Value, own_namespace: &str, other: &Party) -> bool {
    if let Some(block) = peer.get("ipBlock") {
        let within = |network: &Value| contains(network.as_str().expect("a network"), other.address);
        return within(&block["cidr"]) && !block["except"].as_array().into_iter().flatten().any(within);
    }
    let Some((namespace, namespace_labels)) = &other.namespace else { return false };
    let there = match peer.get("namespaceSelector") {
        Some(selector) => matches(selector, namespace_labels),
        None => namespace == own_namespace,
    };
    there && peer.get("podSelector").is_none_or(|selector| matches(selector, &other.labels))
}

fn port_is(allowed: &Value, port: Port) -> bool {
    let protocol = allowed["protocol"].as_str().unwrap_or("TCP");
    let first = &allowed["port"];
    let last = allowed.get("endPort").unwrap_or(first).as_u64();
    assert!(!first.is_string(), "a named port can't be looked up here: {allowed}");
    let number = u64::from(port.1);
    protocol == port.0 && (first.is_null() || first.as_u64() <= Some(number) && Some(number) <= last)
}

fn matches(selector: &Value, labels: &Labels) -> bool {
    let exact = selector["matchLabels"].as_object().into_iter().flatten();
    let mut exact = exact.map(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    let mut expressions = expressions.map(|expression| {
        let value = labels.get(expression["key"].as_str().expect("a key"));
        let listed = || {
            let values = expression["values"].as_array().into_iter().flatten();
            values.filter_map(Value::as_str).any(|listed| Some(listed) == value.map(String::as_str))
        };
        match expression["operator"].as_str() {
            Some("In") => listed(),
            Some("NotIn") => !listed(),
            Some("Exists") => value.is_some(),
            Some("DoesNotExist") => value.is_none(),
            other => panic!("no selector has the operator {other:?}"),
        }
    });
    exact.all(|is| is) && expressions.all(|is| is)
}

fn contains(network: &str, address: IpAddr) -> bool {
    let (base, length) = network.split_once('/').expect("a network has a length");
    let (base, length): (IpAddr, u32) =
        (base.parse().expect("an address"), length.parse().expect("a number of bits"));
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            length == 0 || (base.to_bits() ^ address.to_bits()) >> (32 - length) == 0
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            length == 0 || (base.to_bits() ^ address.to_bits()) >> (128 - length) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(namespace: &str, name: &str, address: &str) -> Party {
        Party {
            name: name.to_owned(),
            namespace: Some((namespace.to_owned(), labels([("name", namespace)]))),
            labels: labels([("app", name)]),
            address: address.parse().expect("an address"),
        }
    }

    fn policy(spec: Value) -> Value {
        json!({"metadata": {"namespace": "shop"}, "spec": spec})
    }

    const HTTP: Port = Port("TCP", 80);

    /// Examples from Kubernetes' own description of NetworkPolicy.
    #[test]
    fn policies_mean_what_their_reference_says() {
        let (a, b, far) =
            (pod("shop", "a", "10.0.0.1"), pod("shop", "b", "10.0.0.2"), pod("far", "a", "10.1.0.1"));
        let select_b = json!({"matchLabels": {"app": "b"}});
        let takes = |from: &Party, ingress: Value| {
            allowed(&[policy(json!({"podSelector": select_b, "ingress": ingress}))], from, &b, HTTP)
        };
        assert!(allowed(&[], &a, &b, HTTP), "without a policy all is allowed");
        assert!(!takes(&a, json!([])), "no rule allows nothing");
        assert!(takes(&a, json!([{}])), "an empty rule allows everything");
        assert!(takes(&a, json!([{"from": [{"podSelector": {}}]}])));
        assert!(!takes(&far, json!([{"from": [{"podSelector": {}}]}])), "pods of its own namespace only");
        assert!(takes(&far, json!([{"from": [{"namespaceSelector": {}}]}])));
        let both = json!([{"from": [{"namespaceSelector": {"matchLabels": {"name": "far"}}, "podSelector": {"matchLabels": {"app": "b"}}}]}]);
        assert!(!takes(&far, both), "both selectors of one peer must match");
        let either =
            json!([{"from": [{"namespaceSelector": {"matchLabels": {"name": "far"}}}, {"podSelector": {}}]}]);
        assert!(takes(&far, either.clone()) && takes(&a, either));
        let block = json!([{"from": [{"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.0.1/32"]}}]}]);
        assert!(!takes(&a, block.clone()) && !takes(&far, block));
        assert!(!takes(&a, json!([{"ports": [{"port": 80, "protocol": "UDP"}]}])));
        assert!(takes(&a, json!([{"ports": [{"port": 79, "endPort": 81}]}])));
        let unless = |operator: &str| {
            takes(
                &a,
                json!([{"from": [{"podSelector": {"matchExpressions": [{"key": "app", "operator": operator, "values": ["a"]}]}}]}]),
            )
        };
        assert!(unless("In") && !unless("NotIn"));
    }

    #[test]
    fn a_connection_takes_leave_of_both_sides() {
        let (a, b) = (pod("shop", "a", "10.0.0.1"), pod("shop", "b", "10.0.0.2"));
        let of = |app: &str, spec: Value| {
            let mut spec = spec;
            spec["podSelector"] = json!({"matchLabels": {"app": app}});
            policy(spec)
        };
        let nothing_out = of("a", json!({"policyTypes": ["Egress"]}));
        let to_b = of(
            "a",
            json!({"egress": [{"to": [{"podSelector": {"matchLabels": {"app": "b"}}}]}], "policyTypes": ["Egress"]}),
        );
        let nothing_in = of("b", json!({"policyTypes": ["Ingress"]}));
        assert!(!allowed(std::slice::from_ref(&nothing_out), &a, &b, HTTP));
        assert!(allowed(std::slice::from_ref(&nothing_out), &b, &a, HTTP), "what comes in is not its matter");
        assert!(allowed(&[nothing_out.clone(), to_b.clone()], &a, &b, HTTP), "policies add up");
        assert!(!allowed(&[to_b, nothing_in], &a, &b, HTTP));
    }
}
