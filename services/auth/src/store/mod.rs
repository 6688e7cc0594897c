//! All SQL of this service: plain functions on a connection, so that a caller decides what is one transaction.

pub mod attempts;
pub mod blacklist;
pub mod credentials;
pub mod limits;
pub mod purge;
pub mod security_events;
pub mod sessions;
pub mod signing_keys;
mod time;
pub mod tokens;

pub use time::At;

/// Where a request came from, kept beside what it did.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}
