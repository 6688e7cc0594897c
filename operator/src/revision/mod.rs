//! What a platform is made of at one moment, stored: apply, retry, rollback and an operator's upgrade all apply one of
//! these.
//!
//! A revision holds the spec and the plan made from it, in a ControllerRevision, compressed. It names Secrets and never
//! holds one; what is bound late (passwords, hashes of Secrets, volume sizes) is not in it, so that going back to an
//! old revision never brings back an old password.

mod codec;
mod history;
mod merge;
mod target;

pub use codec::{Damaged, data_of, decode};
pub use history::{
    Entry, HASH_LABEL, OPERATOR_VERSION, PLATFORM_VERSION, entries, newest_stores, object, object_name,
    surplus,
};
pub use merge::{Conflict, merge};
pub use target::{Asked, Choice, Held, Situation, choose};

use crate::api::OrionPlatformSpec;
use crate::plan::{Plan, hash8};
use serde::{Deserialize, Serialize};

/// One state of a platform that can be applied at any time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The platform's version: what the services run.
    pub version: String,
    /// The version of the operator that made the plan.
    pub operator: String,
    /// The oldest platform version whose services can run on the schemas that this one leaves behind: a migration that
    /// takes something away raises it.
    pub floor: String,
    pub spec: OrionPlatformSpec,
    pub plan: Plan,
}

impl Revision {
    /// By the plan alone: two specs that mean the same are one revision.
    pub fn hash(&self) -> String {
        hash8(&self.plan)
    }

    /// Whether this revision's services run on the schemas that `other` has left.
    pub fn runs_on_schemas_of(&self, other: &Revision) -> bool {
        at_least(&self.version, &other.floor)
    }
}

/// Compares major, minor and patch; what comes before a release counts as the release.
fn at_least(version: &str, floor: &str) -> bool {
    crate::validate::numbers(version) >= crate::validate::numbers(floor)
}
