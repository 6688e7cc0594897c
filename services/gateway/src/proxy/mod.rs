//! Passing a request on and its answer back: bodies flow both ways as they come, and nothing waits for ever.

pub mod body;
pub mod client;
pub mod upgrade;

pub use body::{Guarded, Progress};
pub use client::{Failure, Limits, Upstreams};
