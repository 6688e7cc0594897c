//! Signs people in, issues and revokes tokens, keeps credentials and sessions.

pub mod domain;
pub mod store;
