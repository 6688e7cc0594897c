//! Conditions as kstatus and every condition reader expect them. The time of one changes only with its status.

use crate::api::{Phase, TierPhase, TierStatus};
use catalog::Tier;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The platform as a whole.
pub(super) struct Verdict<'a> {
    pub(super) phase: Phase,
    pub(super) ready: bool,
    /// What is not healthy although it is rolled out.
    pub(super) degraded: Option<String>,
    /// Why nothing goes on by itself, in one word.
    pub(super) stalled: Option<&'static str>,
    /// What this operator would run if it were asked to.
    pub(super) available: Option<&'a str>,
    /// Why accounts that are being replaced are still valid.
    pub(super) rotation_stuck: Option<String>,
    pub(super) message: &'a str,
}

pub(super) struct Conditions<'a> {
    before: &'a [Condition],
    generation: i64,
    now: Timestamp,
}

impl<'a> Conditions<'a> {
    pub(super) fn new(before: &'a [Condition], generation: i64, now: Timestamp) -> Self {
        Self { before, generation, now }
    }

    pub(super) fn of(&self, verdict: &Verdict, tiers: &[TierStatus]) -> Vec<Condition> {
        let phase = verdict.phase;
        let reason = format!("{phase:?}");
        let stalled = verdict.stalled.is_some();
        let rolling = matches!(phase, Phase::Installing | Phase::Updating | Phase::Deleting | Phase::Pending);
        let why = if phase == Phase::Invalid { "InvalidSpec" } else { reason.as_str() };
        let told = |is: bool, text: &str| if is { text.to_owned() } else { String::new() };
        let degraded = verdict.degraded.as_deref();
        let ready_reason = if verdict.ready { "AllReady" } else { why };
        let available = match verdict.available {
            Some(hash) => ("UpdateAvailable", format!("revision {hash}: approve it with `orion approve`")),
            None => ("UpToDate", String::new()),
        };
        let mut conditions = vec![
            self.one("Ready", verdict.ready, ready_reason, verdict.message.to_owned()),
            self.one(
                "Reconciling",
                rolling,
                if rolling { why } else { "Settled" },
                told(rolling, verdict.message),
            ),
            self.one(
                "Stalled",
                stalled,
                verdict.stalled.unwrap_or("NotStalled"),
                told(stalled, verdict.message),
            ),
            self.one(
                "Degraded",
                degraded.is_some(),
                match (degraded, phase) {
                    (None, _) => "Healthy",
                    (Some(_), Phase::RolledBack) => "RolledBack",
                    (Some(_), _) => "Unhealthy",
                },
                degraded.unwrap_or_default().to_owned(),
            ),
            self.one("UpdateAvailable", verdict.available.is_some(), available.0, available.1),
        ];
        let stuck = verdict.rotation_stuck.clone();
        conditions.extend(stuck.map(|why| self.one("RotationStuck", true, "NoProgress", why)));
        conditions.extend(tiers.iter().filter_map(|tier| self.tier(tier)));
        conditions
    }

    fn tier(&self, status: &TierStatus) -> Option<Condition> {
        let tier = Tier::ALL.into_iter().find(|t| i32::from(t.number()) == status.tier)?;
        let ready = status.phase == TierPhase::Ready;
        let count = || format!("{} of {} parts are ready", status.ready, status.desired);
        let message = status.blocked_by.clone().unwrap_or_else(count);
        Some(self.one(tier.condition(), ready, &format!("{:?}", status.phase), message))
    }

    fn one(&self, kind: &str, is: bool, reason: &str, message: String) -> Condition {
        let status = if is { "True" } else { "False" };
        let before = self.before.iter().find(|c| c.type_ == kind && c.status == status);
        Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message,
            observed_generation: Some(self.generation),
            last_transition_time: before.map_or(Time(self.now), |c| c.last_transition_time.clone()),
        }
    }
}
