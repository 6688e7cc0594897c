//! Events of others, looked at when a unit is stuck and nothing else says why (quota, Pod Security, volumes). Those that
//! the operator writes are in `turns`.

use super::cache::Key;
use super::error::Error;
use super::why;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client};
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
