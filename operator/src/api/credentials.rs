//! How old the services' accounts in the data stores may become.

use super::common;
use super::rollout::parse_duration;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The services' accounts in the data stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CredentialsSpec {
    /// How old a service's accounts may become before they are replaced, without a request being lost, as in "720h" for
    /// 30 days; from 1h to 8760h. The annotation orion.dev/rotate, or `orion rotate`, has it done at once. Default:
    /// never by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "rotate_every")]
    pub rotate_every: Option<String>,
}

impl CredentialsSpec {
    pub fn rotate_every(&self) -> Option<Duration> {
        parse_duration(self.rotate_every.as_deref()?)
    }
}

fn rotate_every(_: &mut SchemaGenerator) -> Schema {
    common::duration(
        ("1h", "8760h"),
        "not a time between 1h and 8760h: write it in hours, as \"720h\" for 30 days",
    )
}
