//! What a request does, over the rules in `domain` and the rows in `store`: each function is one flow of the
//! architecture, with its transactions. HTTP is in `routes`.

pub mod credentials;
pub mod issue;
pub mod keys;
pub mod login;
pub mod logout;
pub mod refresh;
pub mod revocation;
