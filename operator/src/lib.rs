//! The operator: it turns one OrionPlatform object into a running platform, tier by tier, and back into nothing.
//!
//! `api`, `validate`, `plan` and `rollout` are pure: no client, no clock, no randomness. `controller` is the only
//! part that talks to the API server; `provision` is a Job's subcommand and talks to the stores only.

pub mod api;
pub mod context;
pub mod controller;
pub mod plan;
pub mod provision;
pub mod revision;
pub mod rollout;
pub mod validate;
