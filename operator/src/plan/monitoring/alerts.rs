//! The alerts of a platform. Few: each is something that a person has to do something about, and says what.
//!
//! They are about figures that the operator and the services export, and no others; e2e/gitops tries each of them on
//! Prometheus' own evaluator.

use super::{name, namespace};
use crate::api::OrionPlatform;
use serde_json::{Value, json};

/// One alert: name, how long it must be so, severity, when, what it is, what to do.
type Alert = (&'static str, &'static str, &'static str, String, &'static str, String);

pub(super) fn rules(platform: &OrionPlatform) -> Vec<Value> {
    let (namespace, name) = (namespace(platform), name(platform));
    let mut all = of_operator(namespace, name);
    all.extend(of_services(namespace, name));
    let common = json!({"namespace": namespace, "platform": name});
    all.into_iter()
        .map(|(alert, lasts, severity, when, summary, what_to_do)| {
            let mut labels = common.clone();
            labels["severity"] = severity.into();
            json!({
                "alert": alert,
                "expr": when,
                "for": lasts,
                "labels": labels,
                "annotations": {"summary": format!("{namespace}/{name}: {summary}"), "description": what_to_do},
            })
        })
        .collect()
}

fn of_operator(namespace: &str, name: &str) -> Vec<Alert> {
    let of = format!(r#"namespace="{namespace}",name="{name}""#);
    let is = |kind: &str| format!(r#"orion_platform_condition{{{of},type="{kind}",status="true"}} == 1"#);
    let look = format!("`orion status -n {namespace} {name}` says what is in the way.");
    vec![
        (
            "OrionPlatformStalled",
            "1m",
            "critical",
            is("Stalled"),
            "does not go on by itself",
            look.clone(),
        ),
        (
            "OrionPlatformDegraded",
            "10m",
            "critical",
            // What was rolled back is stalled too: one alert is enough.
            format!("{} unless on () {}", is("Degraded"), is("Stalled")),
            "something in it has been unhealthy for 10 minutes",
            look,
        ),
        (
            "OrionPlatformUnattended",
            "10m",
            "critical",
            format!(
                "absent(orion_platform_info{{{of}}}) or \
                 orion_platform_generation{{{of}}} > orion_platform_observed_generation{{{of}}}"
            ),
            "no operator looks after it",
            "Either no operator runs and leads, or Prometheus does not scrape it, or its reconciles fail: see \
             orion_operator_leader and the operator's log."
                .to_owned(),
        ),
    ]
}

fn of_services(namespace: &str, name: &str) -> Vec<Alert> {
    let of = format!(r#"namespace="{namespace}",platform="{name}""#);
    let gateway = format!(r#"http_server_request_duration_seconds_count{{{of},service="gateway""#);
    let failed = format!(r#"sum(rate({gateway},http_response_status_code=~"5.."}}[5m]))"#);
    let all = format!("sum(rate({gateway}}}[5m]))");
    vec![
        (
            "OrionGatewayErrors",
            "5m",
            "critical",
            // One failure in a quiet night is not worth waking up for.
            format!("{failed} / {all} > 0.05 and {all} > 0.2"),
            "more than 5% of the requests at the gateway fail",
            "orion_gateway_upstream_duration_seconds says of which service the answers with 5xx are."
                .to_owned(),
        ),
        (
            "OrionOutboxGrowing",
            "5m",
            "critical",
            format!("max by (service) (orion_outbox_oldest_seconds{{{of}}}) > 300"),
            "events of {{ $labels.service }} have not left for 5 minutes",
            format!(
                "Nothing is lost; they leave once RabbitMQ takes them: `orion why -n {namespace} rabbitmq`."
            ),
        ),
        (
            "OrionRevocationUnknown",
            "5m",
            "critical",
            format!("sum(rate(orion_gateway_revocation_unknown_total{{{of}}}[5m])) > 0"),
            "the gateway can't tell which tokens were revoked",
            format!(
                "Requests are refused, or let in unchecked if it is set so: `orion why -n {namespace} redis`."
            ),
        ),
        (
            "OrionServiceNotScraped",
            "10m",
            "warning",
            format!("up{{{of}}} == 0"),
            "Prometheus can't reach {{ $labels.pod }}",
            "The other alerts don't see this pod: look at its target in Prometheus, and at network policies."
                .to_owned(),
        ),
    ]
}
