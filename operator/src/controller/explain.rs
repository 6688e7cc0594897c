//! Adds to what was observed what is known from elsewhere: services' own account of their health, refusals of the API
//! server, and, for a unit that is stuck for no known reason, its events.

use super::apply::Failures;
use super::cache::Key;
use super::events;
use super::observe::Observed;
use crate::api::Health;
use crate::context::Context;
use crate::plan::{BACKUP, UnitKind};
use crate::rollout::Decision;
use std::time::Duration;
use tokio::time::Instant;

/// How long a unit may be on its way before its events are looked at.
const STUCK: Duration = Duration::from_secs(10);
/// How often the events of a platform are looked at, at most.
const LOOK: Duration = Duration::from_secs(15);

pub fn health(context: &Context, key: &Key, units: &mut [Observed]) {
    for unit in units {
        match unit.kind {
            UnitKind::Service => {
                let answer = context.probes.of(key, &unit.name);
                unit.health = answer.health;
                unit.cause = unit.cause.take().or(answer.message);
            }
            // They have no account of their own to give: being ready is all that is known.
            _ if unit.readiness.serving => unit.health = Health::Ok,
            _ => {}
        }
    }
}

/// Backups go on being made where there is room for them; somebody should know all the same.
pub fn backup_volume(units: &mut [Observed], stuck: Option<String>) {
    let (Some(why), Some(unit)) = (stuck, units.iter_mut().find(|unit| unit.name == BACKUP)) else { return };
    unit.cause = Some(why);
    if unit.health == Health::Ok {
        unit.health = Health::Degraded;
    }
}

pub fn failures(units: &mut [Observed], failures: &Failures) {
    for (name, error) in failures {
        let text = error.refused().map_or_else(|| error.to_string(), str::to_owned);
        match units.iter_mut().find(|u| u.name == *name) {
            Some(unit) => {
                unit.cause = Some(text);
                // It serves as it was; somebody has to put something right all the same.
                if error.is_lasting() && unit.readiness.serving && unit.health != Health::Down {
                    unit.health = Health::Degraded;
                }
            }
            None => tracing::warn!(what = name, error = text, "failed, will be tried again"),
        }
    }
}

pub async fn events(context: &Context, key: &Key, units: &mut [Observed], decisions: &[Decision]) {
    let now = Instant::now();
    let unexplained = |unit: &Observed, decision: &Decision| {
        !unit.readiness.settled && unit.cause.is_none() && !matches!(decision, Decision::Wait(_))
    };
    let open: Vec<String> = units
        .iter()
        .zip(decisions)
        .filter(|(unit, decision)| unexplained(unit, decision))
        .map(|(unit, _)| unit.name.clone())
        .collect();
    let look = context.memory.of(key, |m| {
        m.unexplained.retain(|name, _| open.contains(name));
        m.events.retain(|name, _| open.contains(name));
        for name in &open {
            m.unexplained.entry(name.clone()).or_insert(now);
        }
        let stuck = m.unexplained.values().any(|since| now.duration_since(*since) >= STUCK);
        let look = stuck && m.looked_at_events.is_none_or(|last| now.duration_since(last) >= LOOK);
        if look {
            m.looked_at_events = Some(now);
        }
        look
    });
    if look {
        match events::warnings(&context.client, key).await {
            Ok(warnings) => context.memory.of(key, |m| {
                let said =
                    open.iter().filter_map(|unit| Some((unit.clone(), events::cause(&warnings, key, unit)?)));
                m.events = said.collect();
            }),
            Err(error) => tracing::warn!(%error, "can't look at events"),
        }
    }
    let said = context.memory.of(key, |m| m.events.clone());
    for unit in units.iter_mut().filter(|unit| open.contains(&unit.name)) {
        unit.cause = said.get(&unit.name).cloned();
    }
}
