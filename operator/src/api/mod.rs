//! The OrionPlatform resource: its Rust types, its schema with every rule, and examples of both sides of each rule.
//!
//! What the schema can say is said here, so that the API server refuses a wrong manifest before anything happens;
//! `validate` holds the few rules that need the catalog's graph.

mod affinity;
mod backup;
mod common;
mod crd;
mod credentials;
pub mod examples;
mod exposure;
mod monitoring;
mod network;
mod platform;
mod pod;
mod rollout;
mod routes;
mod scale;
mod services;
mod status;
mod stores;

pub use affinity::*;
pub use backup::*;
pub use common::{AuthorityRef, ResourceList, Resources, SecretRef};
pub use crd::{crd, crd_yaml};
pub use credentials::*;
pub use exposure::*;
pub use monitoring::*;
pub use network::*;
pub use platform::*;
pub use pod::*;
pub use rollout::*;
pub use routes::*;
pub use scale::*;
pub use services::*;
pub use status::*;
pub use stores::*;
