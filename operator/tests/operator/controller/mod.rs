//! The pure parts of the controller.

mod diff;
mod keys;
mod rollout;
mod secrets;
mod status;
mod story;
mod teardown;
mod why;
