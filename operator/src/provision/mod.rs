//! The provision Job's subcommand: gives each service its own account in each store, and nothing else.

pub mod config;
