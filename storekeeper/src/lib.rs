//! What is done inside the data stores, as Jobs of a platform: the operator says what by a document, and this program,
//! which has the stores' clients, does it. The operator itself never talks to a store.

pub mod backup;
pub mod document;
pub mod job;
pub mod program;
pub mod provision;
pub mod restore;

mod failure;
mod tls;

pub use failure::Failure;
