//! The operator's figures, and the alerts that are made of them and of the services'.

use super::read;
use crate::controller::story::Story;
use kube::runtime::reflector::store;
use kube::runtime::watcher::Event;
use operator::api::{OrionPlatform, examples};
use operator::controller::cache::Key;
use operator::controller::figures::{self, Figures, Shown};
use operator::controller::leader::Leadership;
use operator::plan::monitoring;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn platform() -> OrionPlatform {
    let mut platform = examples::platform("shop", "orion", "{monitoring: {podMonitor: {}, rules: {}}}");
    platform.metadata.generation = Some(1);
    platform.status = Some(Story::installed().status);
    platform
}

#[test]
fn prometheus_has_nothing_to_complain_about_and_one_that_stands_by_tells_nothing_of_platforms() {
    let counted = figures::install().expect("nothing else in this process counts");
    let (platforms, mut writer) = store();
    writer.apply_watcher_event(&Event::Apply(platform()));
    let shown = Arc::new(Shown::default());
    let key = Key { namespace: "shop".to_owned(), name: "orion".to_owned() };
    shown.waiting.begins(&key);
    shown.waiting.ends(&key);
    shown.runs(platforms.clone(), Leadership::always());
    figures::reconciled("success", Duration::from_millis(20));
    figures::reconcile_failed("refused");
    let text = Figures::new(counted.clone(), shown).text();
    for line in [
        "orion_operator_leader 1",
        "orion_operator_platforms 1",
        "orion_operator_queue_depth 0",
        "orion_operator_queue_wait_seconds_count 1",
        r#"orion_operator_reconcile_duration_seconds_count{result="success"} 1"#,
        r#"orion_operator_reconcile_errors_total{kind="refused"} 1"#,
    ] {
        assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
    }
    assert_eq!(read(&json!({"figures": text})).problems, Vec::<String>::new(), "{text}");
    let shown = Arc::new(Shown::default());
    shown.runs(platforms, Leadership::none());
    let stands_by = Figures::new(counted, shown).text();
    assert!(stands_by.contains("orion_operator_leader 0") && !stands_by.contains("orion_platform_"));
}

/// Which series are otherwise than usual, and which alerts are to fire.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

/// The series of a quarter of an hour in which all is well, with those changed that are named.
fn scene(changes: &[(&str, &str)]) -> Value {
    let operator = r#"namespace="shop",name="orion""#;
    let service = r#"namespace="shop",platform="orion",pod="orion-gateway-0""#;
    let requests = |code: &str| {
        format!(
            r#"http_server_request_duration_seconds_count{{{service},service="gateway",http_response_status_code="{code}"}}"#
        )
    };
    let condition =
        |kind: &str| format!(r#"orion_platform_condition{{{operator},type="{kind}",status="true"}}"#);
    let all = [
        ("info", format!("orion_platform_info{{{operator},version=\"1\",revision=\"a\"}}"), "1x15"),
        ("generation", format!("orion_platform_generation{{{operator}}}"), "1x15"),
        ("observed", format!("orion_platform_observed_generation{{{operator}}}"), "1x15"),
        ("stalled", condition("Stalled"), "0x15"),
        ("degraded", condition("Degraded"), "0x15"),
        ("good", requests("200"), "0+600x15"),
        ("bad", requests("500"), "0+6x15"),
        ("outbox", format!("orion_outbox_oldest_seconds{{{service},service=\"auth\"}}"), "2x15"),
        ("unknown", format!("orion_gateway_revocation_unknown_total{{{service}}}"), "3x15"),
        ("up", format!("up{{{service}}}"), "1x15"),
        // Somebody else's, in every trouble that there is.
        ("other", condition("Stalled").replace("shop", "other"), "1x15"),
    ];
    let lines = all.iter().filter_map(|(name, series, usual)| {
        let changed =
            changes.iter().find(|(changed, _)| changed == name).map_or(*usual, |(_, values)| values);
        (changed != "gone").then(|| format!("  {series} {changed}\n"))
    });
    json!({"load": format!("load 1m\n{}", lines.collect::<String>()), "at": "15m"})
}

#[test]
fn each_alert_fires_when_it_should_and_only_then() {
    let rules =
        monitoring::objects(&platform()).into_iter().find(|object| object["kind"] == "PrometheusRule");
    let rules = rules.expect("rules are asked for");
    let cases: [Case; 12] = [
        (&[], &[]),
        (&[("stalled", "1x15")], &["OrionPlatformStalled"]),
        (&[("degraded", "1x15")], &["OrionPlatformDegraded"]),
        // What was rolled back is both: one alert is enough.
        (&[("degraded", "1x15"), ("stalled", "1x15")], &["OrionPlatformStalled"]),
        (&[("info", "gone")], &["OrionPlatformUnattended"]),
        (&[("generation", "2x15")], &["OrionPlatformUnattended"]),
        (&[("bad", "0+60x15")], &["OrionGatewayErrors"]),
        // In a quiet night one failure is no reason to wake anybody.
        (&[("good", "0+1x15"), ("bad", "0x14 1")], &[]),
        (&[("outbox", "60+60x15")], &["OrionOutboxGrowing"]),
        (&[("unknown", "3+1x15")], &["OrionRevocationUnknown"]),
        (&[("up", "0x15")], &["OrionServiceNotScraped"]),
        (&[("good", "gone"), ("bad", "gone"), ("outbox", "gone"), ("unknown", "gone"), ("up", "gone")], &[]),
    ];
    let scenes: Vec<Value> = cases.iter().map(|(changes, _)| scene(changes)).collect();
    let answer = read(&json!({"rules": rules["spec"], "scenes": scenes}));
    assert_eq!(answer.firing.len(), cases.len());
    for ((changes, expected), firing) in cases.iter().zip(&answer.firing) {
        assert_eq!(firing, expected, "{changes:?}");
    }
    let names: Vec<&Value> = rules["spec"]["groups"][0]["rules"].as_array().expect("a list").iter().collect();
    for figure in names.iter().flat_map(|rule| figures_in(rule["expr"].as_str().expect("an expression"))) {
        assert!(documented(figure), "{figure} is no figure that docs/monitoring.md knows");
    }
    let tried: Vec<&str> = cases.iter().flat_map(|(_, expected)| expected.iter().copied()).collect();
    for rule in names {
        assert!(tried.contains(&rule["alert"].as_str().expect("a name")), "{} is not tried", rule["alert"]);
    }
}

/// What stands before a brace.
fn figures_in(expression: &str) -> Vec<&str> {
    let before = expression.split('{').rev().skip(1);
    before.filter_map(|text| text.rsplit(|c: char| !c.is_ascii_lowercase() && c != '_').next()).collect()
}

fn documented(figure: &str) -> bool {
    // Prometheus' own, of every target.
    let base = figure.strip_suffix("_count").unwrap_or(figure);
    figure == "up" || super::file("docs/monitoring.md").contains(&format!("| `{base}` |"))
}
