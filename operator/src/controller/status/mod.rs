//! What is said about a platform, from what was observed and decided and from what was said before. Pure.
//!
//! Times are carried over wherever what they belong to has not changed: a status that says the same thing is equal to
//! the one before, and is not written.

mod conditions;
mod credentials;
mod ending;
mod tiers;
mod url;

pub use credentials::stuck;
pub use ending::{deleting, invalid, of_what_runs};
pub use url::url;

use super::observe::Observed;
use super::revisions::ROLLBACK_TO;
use super::rotate::Rotation;
use crate::api::{Health, OrionPlatformStatus, Phase, Rollback, TierPhase, TierStatus, UnitStatus};
use crate::revision::Held;
use crate::rollout::Decision;
use conditions::{Conditions, Verdict};
use k8s_openapi::jiff::Timestamp;
use std::time::Duration;

/// Everything a status is made from.
#[derive(Clone)]
pub struct Facts<'a> {
    pub before: &'a OrionPlatformStatus,
    pub generation: i64,
    pub now: Timestamp,
    /// rollout.tierTimeout.
    pub timeout: Duration,
    pub version: &'a str,
    /// Hash of what is to run.
    pub revision: &'a str,
    /// Why that is not what the spec says.
    pub held: Option<&'a Held>,
    /// Hash of what this operator would run if it were asked to.
    pub available: Option<&'a str>,
    /// A rollout that fails is to be taken back.
    pub roll_back: bool,
    pub paused: bool,
    /// Where clients reach it.
    pub url: Option<String>,
    /// A volume that can't become as large as it should.
    pub stuck: Option<&'a str>,
    pub units: &'a [Observed],
    pub decisions: &'a [Decision],
    /// Where the replacement of accounts stands.
    pub rotation: Option<&'a Rotation<'a>>,
}

impl Facts<'_> {
    /// The platform has once been ready as a whole.
    pub fn installed(&self) -> bool {
        self.before.last_good_revision.is_some()
    }

    /// Something else runs than the spec says, until somebody does something about it.
    fn held_back(&self) -> Option<String> {
        Some(match self.held? {
            Held::RolledBack => {
                let failed = self.before.rollback.as_ref();
                let (from, cause) = failed.map_or(("", ""), |r| (r.from.as_str(), r.cause.as_str()));
                format!(
                    "rolled back to {} from {from}, which failed: {cause}. Change the spec to go on",
                    self.revision
                )
            }
            Held::AsAsked => format!(
                "runs revision {} as asked, not what the spec says: remove the annotation {ROLLBACK_TO} to go on",
                self.revision
            ),
            Held::Approval(conflicts) => {
                let conflicts: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
                format!(
                    "the change of the spec needs the newer operator's revision, approve it first: {}",
                    conflicts.join("; ")
                )
            }
            Held::Refused(text) => text.clone(),
        })
    }

    /// What the cluster doesn't have, with the unit that can't be whole without.
    fn lacking(&self) -> Option<String> {
        self.units.iter().find_map(|unit| Some(named(unit, unit.lacks.as_deref()?)))
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
    let whole = all_ready && facts.lacking().is_none();
    let ready = whole && ill.is_none() && facts.held.is_none() && facts.stuck.is_none();
    let current = tiers.iter().find(|t| t.phase != TierPhase::Ready).or(tiers.last());
    let went_back = matches!(facts.held, Some(Held::RolledBack | Held::AsAsked));
    let degraded = degraded(facts, &tiers).or_else(|| facts.held_back().filter(|_| went_back));
    let credentials = credentials::build(facts);
    let verdict = Verdict {
        phase,
        ready,
        degraded,
        stalled: stalled(facts, phase, &tiers),
        available: facts.available,
        rotation_stuck: credentials::stuck_because(facts, credentials.as_ref()),
        message: &message,
    };
    OrionPlatformStatus {
        observed_generation: facts.generation,
        phase: Some(phase),
        // What is not applied is not stored either.
        revision: match &facts.before.revision {
            Some(before) if facts.paused => Some(before.clone()),
            _ => Some(facts.revision.to_owned()),
        },
        last_good_revision: match whole {
            true => Some(facts.revision.to_owned()),
            false => facts.before.last_good_revision.clone(),
        },
        rollback: rollback(facts, phase, &tiers, &message),
        available_revision: facts.available.map(str::to_owned),
        version: Some(facts.version.to_owned()),
        backup: facts.before.backup.clone(),
        tier: current.map(|t| format!("{} {}", t.tier, t.name)),
        conditions: Conditions::new(&facts.before.conditions, facts.generation, facts.now)
            .of(&verdict, &tiers),
        services: facts.units.iter().zip(facts.decisions).map(|(u, d)| unit_status(u, d)).collect(),
        message: Some(message),
        url: facts.url.clone(),
        credentials,
        tiers,
    }
}

fn phase(facts: &Facts, tiers: &[TierStatus]) -> Phase {
    let any = |phase: TierPhase| tiers.iter().any(|t| t.phase == phase);
    let rolling = any(TierPhase::Progressing) || any(TierPhase::Waiting);
    match () {
        () if facts.paused => Phase::Paused,
        () if timed_out(tiers) => Phase::Stalled,
        () if facts.units.iter().any(|u| u.lacks.is_some() && !u.readiness.serving) => Phase::Stalled,
        () if rolling && facts.installed() => Phase::Updating,
        () if rolling => Phase::Installing,
        () if facts.lacking().is_some() => Phase::Stalled,
        () if matches!(facts.held, Some(Held::RolledBack | Held::AsAsked)) => Phase::RolledBack,
        () if facts.held.is_some() || facts.stuck.is_some() => Phase::Stalled,
        () if degraded(facts, tiers).is_some() => Phase::Degraded,
        () => Phase::Ready,
    }
}

/// Why nothing goes on by itself, in one word; None where it does.
fn stalled(facts: &Facts, phase: Phase, tiers: &[TierStatus]) -> Option<&'static str> {
    match (phase, facts.held) {
        (Phase::RolledBack, _) => Some("RolledBack"),
        (Phase::Stalled, Some(Held::Approval(_))) => Some("ApprovalRequired"),
        (Phase::Stalled, Some(Held::Refused(_))) => Some("RollbackRefused"),
        (Phase::Stalled, _) if timed_out(tiers) => Some("TierTimeout"),
        (Phase::Stalled, _) if facts.lacking().is_some() => Some("MissingKind"),
        (Phase::Stalled, _) => Some("VolumeResize"),
        _ => None,
    }
}

fn timed_out(tiers: &[TierStatus]) -> bool {
    tiers.iter().any(|tier| tier.phase == TierPhase::Stalled)
}

/// A rollout that fails is noted once, and forgotten when the spec changes: so there is never a loop.
fn rollback(facts: &Facts, phase: Phase, tiers: &[TierStatus], cause: &str) -> Option<Rollback> {
    let noted = facts.before.rollback.clone().filter(|r| r.generation == facts.generation);
    // What lacks a kind, or a key of a Secret, has not failed: it waits for somebody who has it.
    let fails = phase == Phase::Stalled && timed_out(tiers) && facts.roll_back && facts.held.is_none();
    let fails = fails && facts.lacking().is_none() && facts.units.iter().all(|unit| unit.held.is_none());
    let elsewhere = facts.before.last_good_revision.as_deref().is_some_and(|good| good != facts.revision);
    noted.or_else(|| {
        (fails && elsewhere).then(|| Rollback {
            from: facts.revision.to_owned(),
            generation: facts.generation,
            cause: cause.to_owned(),
        })
    })
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
    let stuck = || facts.stuck.map(str::to_owned);
    match trouble
        .or_else(|| facts.lacking())
        .or(ill)
        .or_else(|| facts.held_back())
        .or_else(stuck)
        .or_else(|| degraded(facts, tiers))
    {
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
        message: waits
            .or_else(|| unit.cause.clone())
            .or_else(|| unit.lacks.clone())
            .or_else(|| stopped(unit)),
    }
}

/// Nothing is wrong with it, but nobody should have to wonder why it does nothing.
fn stopped(unit: &Observed) -> Option<String> {
    (unit.readiness.settled && unit.readiness.desired == 0).then(|| "scaled to 0".to_owned())
}

/// "auth: CrashLoopBackOff, exit 1: …".
fn named(unit: &Observed, text: &str) -> String {
    format!("{}: {text}", unit.name)
}
