//! What "in order" means: the steps of a platform, and where in a record each began and was done.

use crate::record::{Change, Seen};
use catalog::{SERVICES, STORES, Tier};
use serde_json::Value;

/// Units that may change at the same time, first to last: stores, provisioning, then the services tier by tier.
pub fn steps() -> Vec<Vec<&'static str>> {
    let mut steps = vec![STORES.iter().map(|store| store.name).collect(), vec!["provision"]];
    for tier in Tier::ALL {
        let units: Vec<_> = SERVICES.iter().filter(|s| s.tier == tier).map(|s| s.name).collect();
        if !units.is_empty() {
            steps.push(units);
        }
    }
    steps
}

pub fn units() -> Vec<&'static str> {
    steps().concat()
}

fn first(record: &[Seen], unit: &str, what: impl Fn(&Seen) -> bool) -> Option<u64> {
    record.iter().filter(|seen| seen.unit == unit).find(|seen| what(seen)).map(|seen| seen.version)
}

/// When what runs the unit was made.
pub fn began(record: &[Seen], unit: &str) -> Option<u64> {
    first(record, unit, |seen| seen.is_workload() && seen.change == Change::Added)
}

/// When the unit had first done what others wait for.
pub fn done(record: &[Seen], unit: &str) -> Option<u64> {
    first(record, unit, Seen::is_ready_pod)
}

/// When the unit's removal began.
pub fn touched(record: &[Seen], unit: &str) -> Option<u64> {
    first(record, unit, |seen| seen.is_workload() && seen.is_being_deleted())
}

/// When the last of the unit's pods was gone.
pub fn gone(record: &[Seen], unit: &str) -> Option<u64> {
    let pods = record.iter().filter(|seen| seen.unit == unit && seen.kind == "Pod");
    pods.filter(|seen| seen.change == Change::Deleted).map(|seen| seen.version).next_back()
}

/// Asserts that of any two steps the later one began after the earlier one was done.
#[track_caller]
pub fn assert_installed_in_order(record: &[Seen]) {
    let steps = steps();
    for (before, after) in steps.iter().zip(steps.iter().skip(1)) {
        for lower in before {
            for upper in after {
                let done = done(record, lower).unwrap_or_else(|| panic!("{lower} was never ready"));
                let began = began(record, upper).unwrap_or_else(|| panic!("{upper} was never made"));
                assert!(done < began, "{upper} was made (at {began}) before {lower} was ready (at {done})");
            }
        }
    }
}

/// Asserts that of any two steps the earlier one was left alone until the later one's pods were gone.
#[track_caller]
pub fn assert_removed_in_reverse(record: &[Seen]) {
    // The provision Job's pod has long ended: nothing depends on when it goes.
    let steps: Vec<_> = steps().into_iter().filter(|step| step != &["provision"]).collect();
    for (before, after) in steps.iter().zip(steps.iter().skip(1)) {
        for lower in before {
            for upper in after {
                let gone = gone(record, upper).unwrap_or_else(|| panic!("{upper}'s pods never went"));
                let touched = touched(record, lower).unwrap_or_else(|| panic!("{lower} was never removed"));
                assert!(
                    gone < touched,
                    "{lower}'s removal began (at {touched}) before {upper} was gone (at {gone})"
                );
            }
        }
    }
}

/// Asserts that each service was changed to this version once every service of a lower tier ran it.
#[track_caller]
pub fn assert_updated_in_order(record: &[Seen], version: &str) {
    let is_new = |seen: &Seen| image(seen).ends_with(&format!(":{version}"));
    let changed = |unit: &str| first(record, unit, |seen| seen.kind == "Deployment" && is_new(seen));
    let done = |unit: &str| first(record, unit, |seen| seen.is_ready_pod() && is_new(seen));
    for upper in SERVICES {
        let began = changed(upper.name).unwrap_or_else(|| panic!("{} was never changed", upper.name));
        for lower in SERVICES.iter().filter(|lower| lower.tier < upper.tier) {
            let (lower, upper) = (lower.name, upper.name);
            let done = done(lower).unwrap_or_else(|| panic!("{lower} never ran {version}"));
            assert!(
                done < began,
                "{upper} was changed (at {began}) before {lower} ran {version} (at {done})"
            );
        }
    }
}

/// What the first container of a pod, or of what makes pods, runs.
fn image(seen: &Seen) -> &str {
    let spec: &Value = match seen.kind.as_str() {
        "Pod" => &seen.object["spec"],
        _ => &seen.object["spec"]["template"]["spec"],
    };
    spec["containers"][0]["image"].as_str().unwrap_or_default()
}
