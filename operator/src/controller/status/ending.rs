//! The status of a platform that is not brought up: one whose spec can't be carried out, and one that is taken down.

use super::conditions::{Conditions, Verdict};
use crate::api::{OrionPlatformStatus, Phase, TierPhase};
use catalog::Tier;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;

/// The status before, as about the spec that runs: that of the tiers, which is not the newest while the newest is
/// invalid.
pub fn of_what_runs(before: &OrionPlatformStatus) -> OrionPlatformStatus {
    let of_tier = |kind: &str| Tier::ALL.iter().any(|tier| tier.condition() == kind);
    let ran = before.conditions.iter().find(|c| of_tier(&c.type_)).and_then(|c| c.observed_generation);
    OrionPlatformStatus { observed_generation: ran.unwrap_or(before.observed_generation), ..before.clone() }
}

/// What runs goes on running, and what is known of it (`runs`) is said, about the spec that it is about; only the
/// verdict is new.
pub fn invalid(
    before: &OrionPlatformStatus,
    runs: OrionPlatformStatus,
    generation: i64,
    now: Timestamp,
    reasons: &[String],
) -> OrionPlatformStatus {
    let message = reasons.join("; ");
    let verdict = Verdict {
        phase: Phase::Invalid,
        ready: false,
        degraded: None,
        stalled: Some("InvalidSpec"),
        available: None,
        rotation_stuck: None,
        message: &message,
    };
    let known = |kind: &str| {
        ["Degraded", "UpdateAvailable", "RotationStuck", super::super::backups::CURRENT].contains(&kind)
            || Tier::ALL.iter().any(|tier| tier.condition() == kind)
    };
    let kept: Vec<Condition> = runs.conditions.iter().filter(|c| known(&c.type_)).cloned().collect();
    let mut conditions = Conditions::new(&before.conditions, generation, now).of(&verdict, &[]);
    conditions.retain(|condition| !kept.iter().any(|old| old.type_ == condition.type_));
    conditions.extend(kept);
    OrionPlatformStatus {
        observed_generation: generation,
        phase: Some(Phase::Invalid),
        conditions,
        message: Some(message),
        ..runs
    }
}

/// `left`: the tiers that still have something running, each with the units in it that do. `kept`: Secrets that stay
/// whatever the deletionPolicy says.
pub fn deleting(
    before: &OrionPlatformStatus,
    generation: i64,
    now: Timestamp,
    left: &[(i32, Vec<String>)],
    kept: &[&str],
) -> OrionPlatformStatus {
    let mut message = match left.last() {
        Some((_, units)) => format!("being taken down: waits for the pods of {} to end", units.join(", ")),
        None => "being taken down: what is left of its objects is removed".to_owned(),
    };
    if !kept.is_empty() {
        let names = kept.join(", ");
        message = format!(
            "{message}; what the data in external stores can't be read without stays: Secret {names}"
        );
    }
    let verdict = Verdict {
        phase: Phase::Deleting,
        ready: false,
        degraded: None,
        stalled: None,
        available: None,
        rotation_stuck: None,
        message: &message,
    };
    let running = |tier: i32| left.iter().find(|(t, _)| *t == tier);
    let mut tiers = before.tiers.clone();
    tiers.retain(|t| running(t.tier).is_some());
    for tier in &mut tiers {
        tier.phase = TierPhase::Deleting;
        tier.blocked_by = None;
        tier.ready = 0;
    }
    let mut services = before.services.clone();
    services.retain(|s| running(s.tier).is_some_and(|(_, units)| units.contains(&s.name)));
    OrionPlatformStatus {
        observed_generation: generation,
        phase: Some(Phase::Deleting),
        conditions: Conditions::new(&before.conditions, generation, now).of(&verdict, &tiers),
        tier: tiers.last().map(|t| format!("{} {}", t.tier, t.name)),
        message: Some(message),
        url: None,
        tiers,
        services,
        ..before.clone()
    }
}
