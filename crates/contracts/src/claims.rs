//! The claims of a person's access token (RFC 9068). Times are whole Unix seconds, as JWT has them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    /// The person.
    pub sub: Uuid,
    pub exp: i64,
    pub iat: i64,
    pub nbf: i64,
    /// This token.
    pub jti: Uuid,
    /// The session that it belongs to.
    pub sid: Uuid,
    /// The version of the person's authorisation that the roles were taken from.
    pub ver: i64,
    pub roles: Vec<String>,
    pub email: String,
}

impl AccessClaims {
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}
