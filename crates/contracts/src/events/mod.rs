//! Events: one flat envelope, a payload for each type. No event carries a secret.
//!
//! Versions only ever add fields; a change that a consumer could not read gets a new version.

mod auth;
mod user;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;
use uuid::Uuid;

pub use auth::{SuspiciousActivity, UserLogin, UserLogout};
pub use user::{UserCreated, UserData, UserUpdated};

/// What an event says, apart from the envelope.
pub trait Payload: Serialize + DeserializeOwned + Send + Sync {
    /// The routing key.
    const TYPE: &'static str;
    const VERSION: &'static str = "1";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event<P> {
    pub event_id: Uuid,
    pub event_type: String,
    pub version: String,
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The request that led to it, through all services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The event that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// What it is about: a person, mostly.
    pub aggregate_id: Uuid,
    /// Grows with each event of one aggregate and type of publisher: consumers apply by it, order is not promised.
    pub sequence: i64,
    #[serde(default)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    pub payload: P,
}

impl<P: Payload> Event<P> {
    pub fn new(aggregate_id: Uuid, sequence: i64, at: Timestamp, payload: P) -> Self {
        Self {
            event_id: crate::new_id(),
            event_type: P::TYPE.to_owned(),
            version: P::VERSION.to_owned(),
            timestamp: at,
            correlation_id: None,
            causation_id: None,
            aggregate_id,
            sequence,
            metadata: serde_json::Map::new(),
            payload,
        }
    }

    pub fn caused_by(mut self, event: Uuid) -> Self {
        self.causation_id = Some(event);
        self
    }

    pub fn correlated(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }
}
