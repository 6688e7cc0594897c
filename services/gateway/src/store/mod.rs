//! What the gateway reads from Redis.

pub mod revocation;
