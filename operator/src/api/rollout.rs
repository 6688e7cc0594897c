//! How changes are rolled out.

use super::common;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub const DEFAULT_TIER_TIMEOUT: Duration = Duration::from_secs(300);

/// How changes are rolled out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RolloutSpec {
    /// How long a tier may go without progress before the rollout counts as failed, as in "90s", "5m" or "1h30m";
    /// from 10s to 24h. Default: 5m.
    #[schemars(schema_with = "tier_timeout")]
    pub tier_timeout: String,
    /// What happens then. Hold: what is above waits, the status says why, and the rollout goes on by itself once the
    /// cause is gone. Rollback: what last ran with everything ready is put back, in order, and stays until the spec
    /// changes; a first install has nothing to go back to and holds. Default: Hold.
    pub on_failure: OnFailure,
    /// How many revisions are kept to go back to, besides the one that runs and the one that last ran well; from 1 to
    /// 50. Default: 10.
    #[schemars(range(min = 1, max = 50))]
    pub revision_history_limit: i32,
}

/// What happens when a rollout fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnFailure {
    #[default]
    Hold,
    Rollback,
}

/// Who decides when a newer operator's way of running the platform is rolled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Updates {
    #[default]
    Automatic,
    Manual,
}

impl Default for RolloutSpec {
    fn default() -> Self {
        Self { tier_timeout: "5m".to_owned(), on_failure: OnFailure::Hold, revision_history_limit: 10 }
    }
}

impl RolloutSpec {
    /// The timeout as time. What the schema would refuse counts as the default: a platform is never without one.
    pub fn timeout(&self) -> Duration {
        parse_duration(&self.tier_timeout).unwrap_or(DEFAULT_TIER_TIMEOUT)
    }
}

/// "1h30m", "5m", "90s": hours, minutes and seconds in this order, each at most once.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut seconds = 0u64;
    let mut rest = text;
    for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
            rest = after;
        }
    }
    (rest.is_empty() && seconds > 0).then(|| Duration::from_secs(seconds))
}

fn tier_timeout(_: &mut SchemaGenerator) -> Schema {
    common::duration(
        ("10s", "24h"),
        "not a time between 10s and 24h: write it as \"90s\", \"5m\" or \"1h30m\"",
    )
}
