//! The pure parts of the controller.

mod backups;
mod claim;
mod clusters;
mod diff;
mod figures;
mod keys;
mod lacking;
mod readiness;
mod rollout;
mod secrets;
mod status;
pub(super) mod story;
mod teardown;
mod turns;
mod url;
mod volumes;
mod why;
