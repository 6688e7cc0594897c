//! Events, both ways: those the operator writes when something about a platform turns, and those of others that it
//! looks at when a unit is stuck and nothing else says why (quota, Pod Security, volumes).

use super::cache::Key;
use super::error::Error;
use super::why;
use crate::api::{OrionPlatform, OrionPlatformStatus, Phase};
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::runtime::events::{Event as Note, EventType, Recorder};
use kube::{Api, Client, Resource};
use serde_json::Value;

/// The warnings of a platform's namespace, oldest first: one call, however many units are stuck.
pub async fn warnings(client: &Client, platform: &Key) -> Result<Vec<Value>, Error> {
    let api: Api<Event> = Api::namespaced(client.clone(), &platform.namespace);
    let list = api.list(&ListParams::default().fields("type=Warning").limit(500)).await;
    let list = list.map_err(Error::api("read events"))?;
    let mut events: Vec<Value> = list.items.iter().filter_map(|e| serde_json::to_value(e).ok()).collect();
    events.sort_by_key(when);
    Ok(events)
}

fn when(event: &Value) -> String {
    let times = [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["eventTime"]];
    let created = event["metadata"]["creationTimestamp"].as_str();
    times.iter().find_map(|t| t.as_str()).or(created).unwrap_or_default().to_owned()
}

/// What the events say about a unit: about its workload, or anything that is named after it.
pub fn cause(events: &[Value], platform: &Key, unit: &str) -> Option<String> {
    let name = catalog::object_name(&platform.name, unit);
    let about = |event: &&Value| {
        let object = event["involvedObject"]["name"].as_str().unwrap_or_default();
        object.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let own: Vec<&Value> = events.iter().filter(about).collect();
    why::event_cause(&own)
}

/// What turned between two statuses, as (warning, reason, text). Pure.
pub fn turns(before: &OrionPlatformStatus, now: &OrionPlatformStatus) -> Vec<(bool, String, String)> {
    let condition = |status: &OrionPlatformStatus, kind: &str| {
        status.conditions.iter().find(|c| c.type_ == kind).is_some_and(|c| c.status == "True")
    };
    let message = now.message.clone().unwrap_or_default();
    let mut turns = Vec::new();
    if before.phase != now.phase
        && let Some(phase) = now.phase
    {
        let bad = matches!(phase, Phase::Stalled | Phase::Invalid | Phase::Degraded);
        turns.push((bad, format!("{phase:?}"), message));
    }
    for tier in &now.tiers {
        let kind = catalog::Tier::ALL.into_iter().find(|t| i32::from(t.number()) == tier.tier);
        let Some(kind) = kind.map(catalog::Tier::condition) else { continue };
        if condition(now, kind) && !condition(before, kind) {
            let text = format!(
                "tier {} {}: {} of {} parts are ready",
                tier.tier, tier.name, tier.ready, tier.desired
            );
            turns.push((false, kind.to_owned(), text));
        }
    }
    turns
}

/// Writes an event for each turn. An event that can't be written is not worth failing for.
pub async fn publish(
    recorder: &Recorder,
    platform: &OrionPlatform,
    before: &OrionPlatformStatus,
    now: &OrionPlatformStatus,
) {
    let reference = platform.object_ref(&());
    for (warning, reason, note) in turns(before, now) {
        let note = Note {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason,
            note: Some(note).filter(|n| !n.is_empty()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = recorder.publish(&note, &reference).await {
            tracing::debug!(%error, "can't write an event");
        }
    }
}
