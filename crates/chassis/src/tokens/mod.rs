//! Who is asking: people by their access token, services by their ServiceAccount token.

mod caller;
mod keys;
mod own;
mod person;
mod verify;

pub use caller::{Caller, Callers};
pub use own::ServiceTokens;
pub use person::{Person, Tokens};
pub use verify::TokenError;
