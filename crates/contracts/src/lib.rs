//! What crosses a wire between ORION's parts and its clients: API bodies, problem documents, events, token claims.
//!
//! Types and their bounds only. Bodies of `auth` are snake_case as OAuth 2 has them, everything else is camelCase.
//! Requests refuse unknown fields. A violation names the field as the client wrote it: the
//! chassis sees to that.

pub mod auth;
pub mod claims;
pub mod events;
pub mod health;
pub mod problem;
pub mod user;

mod bounds;
mod secret;

pub use bounds::{PASSWORD_MAX, PASSWORD_MIN, PasswordPolicy, normalise_email};
pub use claims::AccessClaims;
pub use problem::{FieldError, ProblemDocument, ProblemType};
pub use secret::Secret;

/// The audience of every access token of a person.
pub const TOKEN_AUDIENCE: &str = "orion";
/// The media type of an access token (RFC 9068): what is not of this type is no access token.
pub const TOKEN_TYPE: &str = "at+jwt";
/// Carries the calling service's own ServiceAccount token.
pub const SERVICE_TOKEN_HEADER: &str = "x-orion-service-token";
/// Names one request through all services it touches.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// A new id: UUIDv7, so that keys of one table arrive nearly in order.
pub fn new_id() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}
