//! How far the replacement of accounts is, and what is in its way.

use super::{Facts, named};
use crate::api::{CredentialsStatus, RotationPhase};
use crate::controller::rotate::Rotation;
use crate::plan::PROVISION;
use crate::rotation::{Step, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use std::time::Duration;

pub(super) fn build(facts: &Facts) -> Option<CredentialsStatus> {
    let rotation = facts.rotation?;
    let (phase, services) = progress(&rotation.subjects);
    let last = rotation.subjects.iter().filter_map(|s| s.turn.rotated.clone()).max();
    let message = trouble(facts, phase, &services).or_else(|| unheard(facts, rotation));
    if phase == RotationPhase::Settled && last.is_none() && message.is_none() {
        return None;
    }
    let before = facts.before.credentials.as_ref();
    let same = before.filter(|before| before.phase == phase && before.services == services);
    let since = same.and_then(|before| before.since.clone()).unwrap_or(Time(facts.now));
    let since = (phase != RotationPhase::Settled).then_some(since);
    Some(CredentialsStatus { phase, services, since, last_rotation: last, message })
}

/// What of a person's wish can't be done.
fn unheard(facts: &Facts, rotation: &Rotation) -> Option<String> {
    let unknown = rotation.wish.as_ref()?.unknown().join(", ");
    match () {
        () if !unknown.is_empty() => Some(format!("{unknown} can't be rotated: there is no such service")),
        () if facts.installed() && rotation.subjects.is_empty() => Some(
            "there is no account to rotate: others make them, or this revision is from before the operator could"
                .to_owned(),
        ),
        () => None,
    }
}

/// The earliest step that any service is at, and those that it has still to do for.
fn progress(subjects: &[Subject]) -> (RotationPhase, Vec<String>) {
    let at = |step: Step| subjects.iter().filter(move |s| s.turn.step == Some(step));
    let names = |of: Vec<&Subject>| of.into_iter().map(|s| s.service.clone()).collect::<Vec<_>>();
    for (step, phase) in [(Step::Adding, RotationPhase::Adding), (Step::Rolling, RotationPhase::Rolling)] {
        let left: Vec<&Subject> = at(step).filter(|s| step != Step::Rolling || !s.rolled).collect();
        if !left.is_empty() {
            return (phase, names(left));
        }
    }
    let dropping: Vec<&Subject> = at(Step::Rolling).chain(at(Step::Dropping)).collect();
    match dropping.is_empty() {
        true => (RotationPhase::Settled, Vec::new()),
        false => (RotationPhase::Dropping, names(dropping)),
    }
}

fn trouble(facts: &Facts, phase: RotationPhase, services: &[String]) -> Option<String> {
    let concerned = |name: &str| match phase {
        RotationPhase::Settled => false,
        RotationPhase::Rolling => services.iter().any(|service| service == name),
        RotationPhase::Adding | RotationPhase::Dropping => name == PROVISION,
    };
    let mut found = facts.units.iter().filter(|unit| concerned(&unit.name) && !unit.settled());
    found.find_map(|unit| Some(named(unit, unit.cause.as_deref()?)))
}

/// Whether a replacement has made no progress for longer than a tier may take. Nothing is lost meanwhile: both accounts
/// are valid.
pub fn stuck(credentials: Option<&CredentialsStatus>, now: Timestamp, timeout: Duration) -> bool {
    let since = credentials.and_then(|credentials| credentials.since.as_ref());
    since.is_some_and(|since| {
        Duration::try_from(now.duration_since(since.0)).is_ok_and(|passed| passed >= timeout)
    })
}

/// What is stuck, for a condition.
pub(super) fn stuck_because(facts: &Facts, credentials: Option<&CredentialsStatus>) -> Option<String> {
    let credentials = credentials.filter(|c| stuck(Some(c), facts.now, facts.timeout) && !facts.paused)?;
    let services = credentials.services.join(", ");
    let why = credentials.message.as_deref().unwrap_or("no progress");
    Some(format!("the accounts of {services} are not replaced yet, the former ones are still valid: {why}"))
}
