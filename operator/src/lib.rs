//! The operator: it turns one OrionPlatform object into a running platform, tier by tier, and back into nothing.
//!
//! `api`, `validate`, `plan`, `rollout` and `rotation` are pure: no client, no clock, no randomness. `controller` is the
//! only part that talks to the API server. What is done inside the stores is another program's, `storekeeper`, run as
//! Jobs.

use std::sync::OnceLock;

pub mod api;
pub mod context;
pub mod controller;
pub mod plan;
pub mod revision;
pub mod rollout;
pub mod rotation;
pub mod validate;

/// Said once, by the program when it starts.
static BUILT_AS: OnceLock<&str> = OnceLock::new();

/// The operator's version: what platforms run that say nothing. It is the package's, or the one that the program was
/// built as: to try an upgrade takes two builds of one source, and this way they differ in one small crate.
pub fn version() -> &'static str {
    BUILT_AS.get().copied().unwrap_or(env!("CARGO_PKG_VERSION"))
}

/// Comes before everything else; once said, it stays.
pub fn is_version(version: &'static str) {
    BUILT_AS.get_or_init(|| version);
}
