//! What is said about a platform, from what was observed and decided and from what was said before. Pure.
//!
//! Times are carried over wherever what they belong to has not changed: a status that says the same thing is equal to
//! the one before, and is not written.

mod conditions;
mod ending;
mod tiers;

pub use ending::{deleting, invalid};

use super::observe::Observed;
use crate::api::{Health, OrionPlatformStatus, Phase, TierPhase, TierStatus, UnitStatus};
use crate::rollout::Decision;
use conditions::{Conditions, Verdict};
use k8s_openapi::jiff::Timestamp;
use std::time::Duration;

/// Everything a status is made from.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub before: &'a OrionPlatformStatus,
    pub generation: i64,
    pub now: Timestamp,
    /// rollout.tierTimeout.
    pub timeout: Duration,
    pub version: &'a str,
    pub revision: &'a str,
    pub paused: bool,
    pub units: &'a [Observed],
    pub decisions: &'a [Decision],
}

impl Facts<'_> {
    /// The platform has once been ready as a whole.
    pub fn installed(&self) -> bool {
        self.before.last_good_revision.is_some()
    }

    /// The revision that ran well before is still wanted: what differs from it is drift, not a rollout.
    fn drift_only(&self) -> bool {
        self.before.last_good_revision.as_deref() == Some(self.revision)
            && self.before.revision.as_deref() == Some(self.revision)
    }
}

pub fn build(facts: &Facts) -> OrionPlatformStatus {
    let tiers = tiers::build(facts);
    let phase = phase(facts, &tiers);
    let all_ready = tiers.iter().all(|t| t.phase == TierPhase::Ready);
    let ill = facts.units.iter().find(|u| u.health == Health::Down && all_ready);
    let message = message(facts, &tiers, ill);
    let ready = all_ready && ill.is_none();
    let current = tiers.iter().find(|t| t.phase != TierPhase::Ready).or(tiers.last());
    let verdict = Verdict { phase, ready, degraded: degraded(facts, &tiers), message: &message };
    OrionPlatformStatus {
        observed_generation: facts.generation,
        phase: Some(phase),
        revision: Some(facts.revision.to_owned()),
        last_good_revision: match all_ready {
            true => Some(facts.revision.to_owned()),
            false => facts.before.last_good_revision.clone(),
        },
        version: Some(facts.version.to_owned()),
        tier: current.map(|t| format!("{} {}", t.tier, t.name)),
        conditions: Conditions::new(&facts.before.conditions, facts.generation, facts.now)
            .of(&verdict, &tiers),
        services: facts.units.iter().zip(facts.decisions).map(|(u, d)| unit_status(u, d)).collect(),
        message: Some(message),
        tiers,
    }
}

fn phase(facts: &Facts, tiers: &[TierStatus]) -> Phase {
    let any = |phase: TierPhase| tiers.iter().any(|t| t.phase == phase);
    let rolling = any(TierPhase::Progressing) || any(TierPhase::Waiting);
    match () {
        () if facts.paused => Phase::Paused,
        () if any(TierPhase::Stalled) => Phase::Stalled,
        () if rolling && facts.installed() => Phase::Updating,
        () if rolling => Phase::Installing,
        () if degraded(facts, tiers).is_some() => Phase::Degraded,
        () => Phase::Ready,
    }
}

/// What is not healthy although it is rolled out.
fn degraded(facts: &Facts, tiers: &[TierStatus]) -> Option<String> {
    if let Some(tier) = tiers.iter().find(|t| t.phase == TierPhase::Degraded) {
        return tier.blocked_by.clone();
    }
    let of = |health: Health| facts.units.iter().find(|u| u.health == health && u.readiness.serving);
    let ill = of(Health::Down).or_else(|| of(Health::Degraded))?;
    Some(named(ill, ill.cause.as_deref().unwrap_or("says that it is not healthy")))
}

fn message(facts: &Facts, tiers: &[TierStatus], ill: Option<&Observed>) -> String {
    let first = tiers.iter().find(|t| t.phase != TierPhase::Ready);
    let trouble = first.and_then(|t| t.blocked_by.clone());
    let ill = ill.map(|u| named(u, u.cause.as_deref().unwrap_or("says that it does not work")));
    match trouble.or(ill).or_else(|| degraded(facts, tiers)) {
        Some(text) => text,
        None => format!("all {} parts are ready", facts.units.len()),
    }
}

fn unit_status(unit: &Observed, decision: &Decision) -> UnitStatus {
    let waits = match decision {
        Decision::Wait(on) => Some(format!("waits for {}", on.join(", "))),
        Decision::Keep | Decision::Apply => None,
    };
    UnitStatus {
        name: unit.name.clone(),
        tier: i32::from(unit.tier.number()),
        ready: unit.readiness.ready,
        desired: unit.readiness.desired,
        image: unit.image.clone(),
        health: unit.health,
        message: waits.or_else(|| unit.cause.clone()),
    }
}

/// "auth: CrashLoopBackOff, exit 1: …".
fn named(unit: &Observed, text: &str) -> String {
    format!("{}: {text}", unit.name)
}
