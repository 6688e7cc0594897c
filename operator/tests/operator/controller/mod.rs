//! The pure parts of the controller.

mod claim;
mod diff;
mod keys;
mod lacking;
mod rollout;
mod secrets;
mod status;
mod story;
mod teardown;
mod url;
mod why;
