//! What turned about a platform, told as Kubernetes Events: one a turn, no more and no less.
//!
//! An Event is named after the status that it leads away from, and written before the status that it leads to. An
//! operator that is killed in between, or whose status is refused, comes to the same turn again, and finds its Event
//! there. One that wrote the status first would never tell; one that made up names would tell twice.

use super::cache::Key;
use super::error::Error;
use super::writer::Writer;
use crate::api::{OrionPlatform, OrionPlatformStatus, Phase, RotationPhase};
use crate::plan::{MANAGER, hash8};
use catalog::Tier;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use kube::api::ObjectMeta;

/// The API server takes no longer text.
const LONGEST: usize = 1024;

/// Something that people may want to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub warning: bool,
    /// In one word.
    pub reason: String,
    pub note: String,
}

/// What turned between two statuses. Pure.
pub fn between(before: &OrionPlatformStatus, now: &OrionPlatformStatus) -> Vec<Turn> {
    let mut turns = Vec::new();
    if before.phase != now.phase
        && let Some(phase) = now.phase
    {
        let warning = matches!(phase, Phase::Stalled | Phase::Invalid | Phase::Degraded | Phase::RolledBack);
        turns.push(Turn {
            warning,
            reason: format!("{phase:?}"),
            note: now.message.clone().unwrap_or_default(),
        });
    }
    for tier in &now.tiers {
        let known = Tier::ALL.into_iter().find(|known| i32::from(known.number()) == tier.tier);
        let Some(reason) = known.map(Tier::condition).filter(|reason| turned_true(before, now, reason))
        else {
            continue;
        };
        let (number, name, ready, desired) = (tier.tier, &tier.name, tier.ready, tier.desired);
        let note = format!("tier {number} {name}: {ready} of {desired} parts are ready");
        turns.push(Turn { warning: false, reason: reason.to_owned(), note });
    }
    for (warning, kind) in [(false, "UpdateAvailable"), (true, "RotationStuck")] {
        if turned_true(before, now, kind) {
            let condition = now.conditions.iter().find(|c| c.type_ == kind);
            let note = condition.map(|c| c.message.clone()).unwrap_or_default();
            turns.push(Turn { warning, reason: kind.to_owned(), note });
        }
    }
    turns.extend(rotation(before, now));
    turns.extend(super::backups::turn(before, now));
    turns.extend(super::backups::partial(before, now));
    turns
}

fn rotation(before: &OrionPlatformStatus, now: &OrionPlatformStatus) -> Option<Turn> {
    let under_way = |status: &OrionPlatformStatus| {
        let credentials = status.credentials.clone();
        credentials.filter(|credentials| credentials.phase != RotationPhase::Settled)
    };
    let (reason, note) = match (under_way(before), under_way(now)) {
        (None, Some(begun)) => {
            let note = format!("replaces the accounts of {} in the stores", begun.services.join(", "));
            ("CredentialsRotation", note)
        }
        (Some(_), None) => {
            ("CredentialsRotated", "the accounts are replaced, the former ones are refused".to_owned())
        }
        _ => return None,
    };
    Some(Turn { warning: false, reason: reason.to_owned(), note })
}

fn turned_true(before: &OrionPlatformStatus, now: &OrionPlatformStatus, kind: &str) -> bool {
    let is_true = |status: &OrionPlatformStatus| {
        status.conditions.iter().any(|c| c.type_ == kind && c.status == "True")
    };
    is_true(now) && !is_true(before)
}

/// The Event of a turn. Pure: the same turn away from the same status has the same name, whenever it is written.
pub fn event(
    platform: &OrionPlatform,
    before: &OrionPlatformStatus,
    turn: &Turn,
    instance: &str,
    now: Timestamp,
) -> Event {
    let metadata = &platform.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    let hash = hash8(&(&metadata.uid, before, &turn.reason));
    let note = Some(shortened(&turn.note)).filter(|note| !note.is_empty()).map(str::to_owned);
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{name}.{}.{hash}", turn.reason.to_lowercase())),
            namespace: metadata.namespace.clone(),
            ..ObjectMeta::default()
        },
        type_: Some(if turn.warning { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(turn.reason.clone()),
        action: Some("Reconcile".to_owned()),
        note,
        regarding: Some(platform.object_ref(&())),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(MANAGER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        ..Event::default()
    }
}

fn shortened(note: &str) -> &str {
    &note[..note.floor_char_boundary(LONGEST)]
}

/// Writes the Events of a change of status that is about to be written. One that can't be written is not worth failing
/// for.
pub async fn tell(
    writer: &Writer,
    instance: &str,
    platform: &OrionPlatform,
    before: &OrionPlatformStatus,
    now: &OrionPlatformStatus,
) -> Result<(), Error> {
    for turn in between(before, now) {
        match writer.event(&event(platform, before, &turn, instance, Timestamp::now())).await {
            // Told already, by this operator or by the one before it.
            Err(error) if error.is_conflict() => {}
            Err(Error::NotLeader) => return Err(Error::NotLeader),
            Err(error) => {
                let Key { namespace, name } = super::queue::key_of(platform);
                tracing::warn!(namespace, name, reason = turn.reason, %error, "can't write an event");
            }
            Ok(()) => {}
        }
    }
    Ok(())
}
