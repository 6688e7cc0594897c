//! The rules of signing in, free of HTTP and SQL, so that each can be read and tested by itself.

pub mod email;
mod hashes;
pub mod keyring;
pub mod lockout;
pub mod origin;
pub mod passwords;
pub mod refresh;
pub mod rotation;
pub mod sealing;
