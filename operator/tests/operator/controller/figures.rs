//! The platforms as figures: what Prometheus is told, and that nothing is left of a platform that is gone.

use super::story::Story;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use operator::api::{OrionPlatform, examples};
use operator::controller::figures::{self, platforms};
use std::collections::BTreeSet;
use std::sync::Arc;

fn platform(name: &str) -> Arc<OrionPlatform> {
    let mut platform = examples::platform("shop", name, "{}");
    platform.metadata.creation_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    platform.metadata.generation = Some(2);
    platform.status = Some(Story::installed().status);
    Arc::new(platform)
}

/// The names of the families.
fn families(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect()
}

#[test]
fn what_a_status_says_is_there_as_numbers() {
    let text = platforms::text(&[platform("orion")]);
    for line in [
        r#"orion_platform_info{namespace="shop",name="orion",version="1.0.0",revision="one"} 1"#,
        r#"orion_platform_created_timestamp_seconds{namespace="shop",name="orion"} 0"#,
        r#"orion_platform_generation{namespace="shop",name="orion"} 2"#,
        r#"orion_platform_observed_generation{namespace="shop",name="orion"} 1"#,
        r#"orion_platform_phase{namespace="shop",name="orion",phase="Ready"} 1"#,
        r#"orion_platform_condition{namespace="shop",name="orion",type="Ready",status="true"} 1"#,
        r#"orion_platform_condition{namespace="shop",name="orion",type="Ready",status="false"} 0"#,
        r#"orion_platform_condition{namespace="shop",name="orion",type="Ready",status="unknown"} 0"#,
        r#"orion_platform_tier_phase{namespace="shop",name="orion",tier="2",tier_name="Auth",phase="Ready"} 1"#,
        r#"orion_platform_tier_progress_timestamp_seconds{namespace="shop",name="orion",tier="2",tier_name="Auth"} 0"#,
        r#"orion_platform_service_pods_ready{namespace="shop",name="orion",service="auth",tier="2"} 1"#,
        r#"orion_platform_service_pods_desired{namespace="shop",name="orion",service="auth",tier="2"} 1"#,
        r#"orion_platform_service_health{namespace="shop",name="orion",service="auth",tier="2",health="Unknown"} 1"#,
    ] {
        assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
    }
}

#[test]
fn each_family_stands_together_and_each_series_is_there_once() {
    let text = platforms::text(&[platform("b"), platform("a")]);
    let names = families(&text);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a family twice: {names:?}");
    let series: Vec<&str> = text.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
    let samples: Vec<&&str> = series.iter().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(samples.iter().collect::<BTreeSet<_>>().len(), samples.len(), "a series twice");
    let of = |name: &str| samples.iter().filter(|line| line.contains(&format!("name=\"{name}\""))).count();
    assert!(of("a") > 20 && of("a") == of("b"), "{} and {}", of("a"), of("b"));
}

#[test]
fn nothing_is_said_of_a_platform_that_is_gone_and_little_of_one_that_was_not_looked_at() {
    let (kept, gone) = (platform("kept"), platform("gone"));
    assert!(platforms::text(&[kept.clone(), gone]).contains("\"gone\""));
    assert!(!platforms::text(&[kept]).contains("\"gone\""));
    assert_eq!(platforms::text(&[]), "");
    let mut new = OrionPlatform::clone(&platform("new"));
    new.status = None;
    let names = platforms::text(&[Arc::new(new)]);
    assert_eq!(families(&names), ["orion_platform_created_timestamp_seconds", "orion_platform_generation"]);
}

#[test]
fn every_figure_is_explained_in_the_documentation_and_nothing_else_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/monitoring.md");
    let document = std::fs::read_to_string(path).expect("docs/monitoring.md");
    let row = |line: &str| Some(line.strip_prefix("| `orion_")?.split('`').next()?.to_owned());
    let operators = |name: &String| name.starts_with("operator_") || name.starts_with("platform_");
    let explained: BTreeSet<String> = document.lines().filter_map(row).filter(operators).collect();
    let text = platforms::text(&[platform("orion")]);
    let there = families(&text).into_iter().chain(figures::COUNTED);
    let there: BTreeSet<String> =
        there.map(|name| name.strip_prefix("orion_").unwrap_or(name).to_owned()).collect();
    assert_eq!(explained, there);
}
