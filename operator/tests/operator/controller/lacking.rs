//! What becomes of a platform where the cluster lacks a kind that something else has to bring.

use super::story::{READY, Story};
use operator::api::Phase;
use operator::controller::kinds::{KINDS, Kind, Presence};
use operator::controller::lacking::{feasible, tell};
use operator::controller::observe;
use operator::controller::served::{Served, State};
use operator::plan::{Plan, Unit, UnitKind};
use operator::rollout::Live;
use serde_json::{Value, json};
use std::borrow::Cow;

fn kind(name: &str) -> &'static Kind {
    Kind::named(name).expect("a kind of the table")
}

/// Where everything was read but what something else brings.
fn bare() -> Served {
    let served = Served::default();
    for kind in &KINDS {
        served.set(kind, if kind.is_optional() { State::Absent } else { State::Read });
    }
    served
}

fn object(kind: &str) -> Value {
    json!({"kind": kind, "metadata": {"name": "orion-gateway", "namespace": "team"}})
}

fn plan(kinds: &[&str]) -> Plan {
    let unit = Unit {
        name: "gateway".to_owned(),
        kind: UnitKind::Service,
        tier: catalog::Tier::Gateway,
        needs: Vec::new(),
        enabled: true,
        objects: kinds.iter().map(|kind| object(kind)).collect(),
        secrets: Vec::new(),
    };
    Plan { units: vec![unit] }
}

fn lacks(kinds: &[&str], served: &Served) -> Option<String> {
    let plan = plan(kinds);
    let mut units = observe::units(&plan, "0.1.0", &Default::default(), &Default::default());
    tell(&plan, served, &mut units);
    units.remove(0).lacks
}

#[test]
fn the_caches_wait_for_what_the_cluster_has_and_for_nothing_else() {
    let served = Served::default();
    assert!(!served.complete(), "nobody knows yet what there is");
    for kind in &KINDS {
        assert!(!served.complete(), "{} was not read", kind.kind);
        let refused = State::Refused("not your business".to_owned());
        served.set(kind, if kind.is_optional() { refused } else { State::Read });
    }
    assert!(served.complete() && bare().complete());
}

#[test]
fn what_can_not_be_made_is_left_out_of_the_plan_and_the_rest_stays() {
    let served = bare();
    let plan = plan(&["Deployment", "HTTPRoute", "ServiceMonitor", "Ingress"]);
    let feasible_plan = feasible(&plan, &served);
    let left: Vec<&Value> = feasible_plan.units[0].objects.iter().map(|o| &o["kind"]).collect();
    assert_eq!(left, ["Deployment", "Ingress"]);
    served.set(kind("HTTPRoute"), State::Read);
    served.set(kind("ServiceMonitor"), State::Read);
    assert!(matches!(feasible(&plan, &served), Cow::Borrowed(whole) if *whole == plan));
}

#[test]
fn a_platform_is_told_what_to_install_and_goes_without_niceties() {
    let served = bare();
    let told = lacks(&["Deployment", "ServiceMonitor", "HTTPRoute"], &served).unwrap_or_default();
    assert!(told.contains("httproutes.gateway.networking.k8s.io") && told.contains("install"), "{told}");
    let told = lacks(&["Certificate"], &served).unwrap_or_default();
    assert!(told.contains("certificates.cert-manager.io") && told.contains("cert-manager"), "{told}");
    for nicety in ["ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        assert_eq!((lacks(&[nicety], &served), kind(nicety).presence), (None, Presence::Welcome));
    }
    served.set(kind("HTTPRoute"), State::Refused("httproutes is forbidden".to_owned()));
    let told = lacks(&["HTTPRoute"], &served).unwrap_or_default();
    assert!(told.contains("is forbidden") && told.contains("rights"), "{told}");
    served.set(kind("HTTPRoute"), State::Read);
    assert_eq!(lacks(&["HTTPRoute"], &served), None);
}

#[test]
fn a_platform_that_lacks_a_kind_is_stalled_until_it_is_there_and_never_rolled_back_for_it() {
    let mut story = Story::installed();
    story.roll_back = true;
    story.edit("two");
    story.is("user", Live::Current, READY).lacks = Some("the cluster has no HTTPRoute".to_owned());
    story.after(1);
    story.after(1000);
    assert_eq!(story.status.phase, Some(Phase::Stalled));
    let conditions =
        ["Ready", "Stalled", "Reconciling", "Degraded"].map(|kind| story.condition(kind).to_owned());
    assert_eq!(conditions, ["False", "True", "False", "False"]);
    assert_eq!(story.message(), "user: the cluster has no HTTPRoute");
    let stalled = story.status.conditions.iter().find(|c| c.type_ == "Stalled");
    assert_eq!(stalled.map(|c| c.reason.as_str()), Some("MissingKind"));
    assert_eq!((story.status.last_good_revision.as_deref(), &story.status.rollback), (Some("one"), &None));
    story.is("user", Live::Current, READY).lacks = None;
    story.after(1);
    assert_eq!((story.status.phase, story.message()), (Some(Phase::Ready), "all 3 parts are ready"));
    assert_eq!(story.status.last_good_revision.as_deref(), Some("two"));
}

/// Without its object a unit looks like one that runs elsewhere.
#[test]
fn a_store_whose_operator_is_not_installed_is_not_taken_for_ready() {
    let (plan, served) = (plan(&["Cluster"]), bare());
    let mut units =
        observe::units(&feasible(&plan, &served), "0.1.0", &Default::default(), &Default::default());
    assert!(units[0].settled());
    tell(&plan, &served, &mut units);
    assert!(!units[0].settled() && units[0].live == Live::Absent);
    let cause = units[0].cause.as_deref().unwrap_or_default();
    assert!(cause.contains("install CloudNativePG"), "{cause}");
}
