//! What every request passes, and the extractors that refuse bad input with a problem document.

mod extract;
mod json;
mod layers;
mod names;
mod serve;
mod stall;

pub use extract::{ClientAddress, Path, Query};
pub use json::{Json, Unchecked};
pub(crate) use layers::assemble;
pub(crate) use serve::Server;

/// The most a body may hold, unless a route sets another `axum::extract::DefaultBodyLimit`.
pub const BODY_LIMIT: usize = 1 << 20;
