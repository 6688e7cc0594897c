//! All SQL of this service: plain functions on a connection, so that a caller decides what is one transaction.

pub mod attempts;
pub mod blacklist;
pub mod credentials;
pub mod limits;
pub mod purge;
pub mod security_events;
pub mod sessions;
pub mod signing_keys;
pub mod tokens;
