//! The keys by which services recognise each other's ServiceAccount tokens, published as a ConfigMap so that no
//! service has to talk to the API server.
//!
//! A key that the cluster no longer publishes is kept for as long as a token signed with it may live.

use super::cache::{INSTANCE, Key, TIER, UNIT};
use super::error::Error;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The longest life of a service's token.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
const REFRESH: Duration = Duration::from_secs(55);

const CURRENT: &str = "callers.json";
const REMOVED: &str = "removed.json";

/// What the cluster publishes now.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    pub issuer: String,
    pub keys: Vec<Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Removed {
    removed_at: Timestamp,
    key: Value,
}

/// Asks the API server, at most once a minute however many platforms there are.
#[derive(Default)]
pub struct CallerKeys {
    last: Mutex<Option<(Instant, Arc<Published>)>>,
}

impl CallerKeys {
    pub async fn get(&self, client: &Client) -> Result<Arc<Published>, Error> {
        let mut last = self.last.lock().await;
        if let Some((when, published)) = last.as_ref()
            && when.elapsed() < REFRESH
        {
            return Ok(published.clone());
        }
        let configuration = fetch(client, "/.well-known/openid-configuration").await?;
        let keys = fetch(client, "/openid/v1/jwks").await?;
        let published = Arc::new(Published {
            issuer: configuration["issuer"].as_str().unwrap_or_default().to_owned(),
            keys: keys["keys"].as_array().cloned().unwrap_or_default(),
        });
        *last = Some((Instant::now(), published.clone()));
        Ok(published)
    }
}

async fn fetch(client: &Client, path: &str) -> Result<Value, Error> {
    let request = axum::http::Request::get(path).body(Vec::new());
    let request = request.map_err(|e| Error::Input(format!("{path}: {e}")))?;
    client.request(request).await.map_err(Error::api(format!("read {path}")))
}

/// The name of a platform's ConfigMap.
pub fn object_name(platform: &str) -> String {
    catalog::object_name(platform, "caller-keys")
}

/// The ConfigMap as it is to be, given the one there is. Pure.
pub fn config_map(platform: &Key, published: &Published, live: Option<&Value>, now: Timestamp) -> Value {
    let read = |key: &str| live.and_then(|l| serde_json::from_str::<Value>(l["data"][key].as_str()?).ok());
    let before = read(CURRENT).unwrap_or_default();
    let mut removed: Vec<Removed> =
        read(REMOVED).and_then(|text| serde_json::from_value(text).ok()).unwrap_or_default();
    let known = |key: &Value, removed: &[Removed]| {
        published.keys.contains(key) || removed.iter().any(|r| r.key == *key)
    };
    for key in before["keys"].as_array().into_iter().flatten() {
        if !known(key, &removed) {
            removed.push(Removed { removed_at: now, key: key.clone() });
        }
    }
    removed.retain(|r| !published.keys.contains(&r.key) && now.duration_since(r.removed_at) < KEPT);
    let mut keys = published.keys.clone();
    keys.sort_by_key(|key| key["kid"].to_string());
    keys.extend(removed.iter().map(|r| r.key.clone()));
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": object_name(&platform.name), "namespace": platform.namespace,
            "labels": {
                UNIT: "caller-keys", INSTANCE: platform.name, TIER: "0",
                "app.kubernetes.io/managed-by": super::diff::MANAGER, "app.kubernetes.io/part-of": "orion",
            },
        },
        "data": {
            CURRENT: json!({"issuer": published.issuer, "keys": keys}).to_string(),
            REMOVED: serde_json::to_string(&removed).expect("keys are JSON"),
        },
    })
}
