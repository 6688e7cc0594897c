//! What the gateway decides, without I/O: which paths are safe, which headers pass, which addresses are believed.

pub mod address;
pub mod cors;
pub mod headers;
pub mod path;
pub mod security;
