//! The operator: it turns one OrionPlatform object into a running platform, tier by tier, and back into nothing.
//!
//! `api`, `validate`, `plan`, `rollout` and `rotation` are pure: no client, no clock, no randomness. `controller` is the
//! only part that talks to the API server. What is done inside the stores is another program's, `storekeeper`, run as
//! Jobs.

pub mod api;
pub mod context;
pub mod controller;
pub mod plan;
pub mod revision;
pub mod rollout;
pub mod rotation;
pub mod validate;

/// The operator's version: what platforms run that say nothing.
pub const VERSION: &str = env!("ORION_BUILD_VERSION");
