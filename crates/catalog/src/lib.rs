//! What a service is: its tier, port, needs, routes, database, keys, events and secrets, as plain data.
//!
//! The catalog is the single source. The operator's plans, the gateway's routes, the network policies, the grants
//! in the stores and the callers a service accepts are all derived from it. Only units that exist are listed.

mod derive;
mod entries;
mod types;

pub use derive::*;
pub use entries::{SERVICES, STORES};
pub use types::*;

/// The oldest version of the platform whose services run on the schemas that this version's migrations leave behind. A
/// migration that takes away what older services use raises it, and with it what a rollback may go back to.
pub const SCHEMA_FLOOR: &str = "0.1.0";
