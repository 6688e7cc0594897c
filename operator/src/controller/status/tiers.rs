//! How far each tier is, and since when.

use super::{Facts, named};
use crate::api::{TierPhase, TierStatus};
use crate::controller::observe::Observed;
use crate::rollout::{Decision, Live};
use catalog::Tier;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::time::Duration;

type Member<'a> = (&'a Observed, &'a Decision);

pub(super) fn build(facts: &Facts) -> Vec<TierStatus> {
    let mut tiers: Vec<TierStatus> = Vec::new();
    for tier in Tier::ALL {
        let members: Vec<Member> =
            facts.units.iter().zip(facts.decisions).filter(|(u, _)| u.tier == tier).collect();
        if !members.is_empty() {
            let status = one(facts, tier, &members, &tiers);
            tiers.push(status);
        }
    }
    tiers
}

fn one(facts: &Facts, tier: Tier, members: &[Member], below: &[TierStatus]) -> TierStatus {
    let number = i32::from(tier.number());
    let before = facts.before.tiers.iter().find(|t| t.tier == number);
    let was = before.map(|t| t.phase);
    let ready = members.iter().filter(|m| is_ready(facts, was, m)).count();
    let phase = phase(facts, members, was);
    let mut status = TierStatus {
        tier: number,
        name: format!("{tier:?}"),
        phase,
        ready: i32::try_from(ready).unwrap_or(i32::MAX),
        desired: i32::try_from(members.len()).unwrap_or(i32::MAX),
        since: None,
        blocked_by: if phase == TierPhase::Ready { None } else { trouble(facts, was, members) },
    };
    let moved = before.is_none_or(|before| moved(facts, members, before, &status));
    status.since = match before.and_then(|before| before.since.clone()) {
        Some(since) if !moved => Some(since),
        _ => Some(Time(facts.now)),
    };
    if overdue(facts, &status) && can_stall(members, &status, below) && !facts.paused {
        status.phase = TierPhase::Stalled;
    }
    status
}

/// Drift is mended in passing: as long as all pods are there, a tier that was ready is ready. One that was not may be on
/// its way back from a change that was taken back.
fn is_ready(facts: &Facts, before: Option<TierPhase>, (unit, _): &Member) -> bool {
    unit.settled() || before == Some(TierPhase::Ready) && facts.drift_only() && unit.readiness.serving
}

fn phase(facts: &Facts, members: &[Member], before: Option<TierPhase>) -> TierPhase {
    if members.iter().all(|m| is_ready(facts, before, m)) {
        return TierPhase::Ready;
    }
    let differs = !facts.drift_only() && members.iter().any(|(u, _)| u.live != Live::Current);
    // An operator that ended between applying a change and saying so left a tier that is called ready.
    let untold = before == Some(TierPhase::Ready) && facts.before.revision.as_deref() != Some(facts.revision);
    let changing = differs || untold;
    let ran = matches!(before, Some(TierPhase::Ready | TierPhase::Degraded));
    let waits = |m: &&Member| matches!(m.1, Decision::Wait(_));
    let waiting = members.iter().any(|m| waits(&m));
    let at_work = members.iter().any(|m| !waits(&m) && !m.0.settled());
    match () {
        () if waiting && !at_work => TierPhase::Waiting,
        // It was up, and nobody asked for a change.
        () if ran && !changing => TierPhase::Degraded,
        () => TierPhase::Progressing,
    }
}

/// Whether something happened that the timeout counts anew from.
fn moved(facts: &Facts, members: &[Member], before: &TierStatus, now: &TierStatus) -> bool {
    let course = |phase: TierPhase| if phase == TierPhase::Stalled { TierPhase::Progressing } else { phase };
    let pods_before: i32 = facts.before.services.iter().filter(|s| s.tier == now.tier).map(|s| s.ready).sum();
    let pods: i32 = members.iter().map(|(u, _)| u.readiness.ready).sum();
    let turned = course(before.phase) != course(now.phase)
        && !(before.phase == TierPhase::Stalled && now.phase == TierPhase::Waiting);
    turned
        || now.ready > before.ready
        || now.phase != TierPhase::Ready && pods > pods_before
        || now.phase != TierPhase::Ready && anew(facts)
}

/// Something else is to run from now on: another spec, what ran before, or what another operator makes of it.
fn anew(facts: &Facts) -> bool {
    let other = |before: &str| before != facts.revision && !facts.paused;
    facts.before.observed_generation != facts.generation
        || facts.before.revision.as_deref().is_some_and(other)
}

fn overdue(facts: &Facts, status: &TierStatus) -> bool {
    let since = status.since.as_ref().map_or(facts.now, |since| since.0);
    Duration::try_from(facts.now.duration_since(since)).is_ok_and(|passed| passed >= facts.timeout)
}

/// What waits for a tier that is itself at work is not stuck: the other one is, if any.
fn can_stall(members: &[Member], status: &TierStatus, below: &[TierStatus]) -> bool {
    match status.phase {
        TierPhase::Progressing => true,
        TierPhase::Waiting => {
            let held = members.iter().any(|(_, d)| matches!(d, Decision::Wait(_)));
            held && !below
                .iter()
                .any(|t| matches!(t.phase, TierPhase::Progressing | TierPhase::Stalled | TierPhase::Waiting))
        }
        _ => false,
    }
}

/// What the tier is held up by: the first part with a known cause, else the first that is not ready.
fn trouble(facts: &Facts, before: Option<TierPhase>, members: &[Member]) -> Option<String> {
    let open = || members.iter().filter(|m| !is_ready(facts, before, m));
    let known = open().find_map(|(u, _)| u.cause.as_ref().map(|cause| named(u, cause)));
    known.or_else(|| {
        let (unit, decision) = open().next()?;
        Some(match decision {
            Decision::Wait(on) => format!("{} waits for {}", unit.name, on.join(", ")),
            _ if unit.readiness.serving => named(unit, "is being changed"),
            _ => named(unit, &format!("{} of {} ready", unit.readiness.ready, unit.readiness.desired)),
        })
    })
}
