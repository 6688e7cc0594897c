//! The status of a platform that is not brought up: one whose spec can't be carried out, and one that is taken down.

use super::conditions::{Conditions, Verdict};
use crate::api::{OrionPlatformStatus, Phase, TierPhase};
use catalog::Tier;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;

/// What runs goes on running and what was known of it stays, about the spec that it is about; only the verdict is new.
pub fn invalid(
    before: &OrionPlatformStatus,
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
        ["Degraded", "UpdateAvailable", "RotationStuck"].contains(&kind)
            || Tier::ALL.iter().any(|tier| tier.condition() == kind)
    };
    let kept: Vec<Condition> = before.conditions.iter().filter(|c| known(&c.type_)).cloned().collect();
    let mut conditions = Conditions::new(&before.conditions, generation, now).of(&verdict, &[]);
    conditions.retain(|condition| !kept.iter().any(|old| old.type_ == condition.type_));
    conditions.extend(kept);
    OrionPlatformStatus {
        observed_generation: generation,
        phase: Some(Phase::Invalid),
        conditions,
        message: Some(message),
        ..before.clone()
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
