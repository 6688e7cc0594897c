//! Rules that the schema cannot state because they need the catalog: what a spec asks for must be able to run.

use crate::api::OrionPlatform;

/// One reason why a spec can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Invalid {
    /// Where in the object, as in `spec.services[auth].enabled`.
    pub field: String,
    /// What is wrong and what to write.
    pub message: String,
}

/// Every reason at once, so that a person mends a manifest in one go.
pub fn validate(_platform: &OrionPlatform) -> Result<(), Vec<Invalid>> {
    Ok(())
}
