//! Secrets that aren't the operator's own: the accounts of external stores. They carry no label, so no watch sees
//! them; they are read again each minute, and only where a platform names them.

use super::bind::{SecretData, data_of};
use super::cache::Key;
use super::error::Error;
use super::secrets;
use crate::context::Context;
use crate::plan::Plan;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use std::time::Duration;
use tokio::time::Instant;

const REFRESH: Duration = Duration::from_secs(55);
/// While something is missing, or fails, it may be put right at any time.
const MISSING: Duration = Duration::from_secs(4);

pub async fn secrets(context: &Context, key: &Key, plan: &Plan) -> Result<SecretData, Error> {
    let names = secrets::foreign(&plan.units);
    if names.is_empty() {
        return Ok(SecretData::new());
    }
    let (known, failing) = context.memory.of(key, |m| (m.foreign.clone(), m.failures > 0));
    if let Some((when, data)) = known {
        let complete = !failing
            && names.iter().all(|name| data.contains_key(name))
            && plan.units.iter().all(|unit| secrets::missing(unit, &data).is_none());
        if when.elapsed() < if complete { REFRESH } else { MISSING } {
            return Ok(data);
        }
    }
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &key.namespace);
    let mut data = SecretData::new();
    for name in names {
        let secret = api.get_opt(&name).await.map_err(Error::api(format!("read Secret {name}")))?;
        let value = secret.and_then(|secret| serde_json::to_value(secret).ok());
        data.extend(value.map(|value| (name, data_of(&value))));
    }
    context.memory.of(key, |m| m.foreign = Some((Instant::now(), data.clone())));
    Ok(data)
}
