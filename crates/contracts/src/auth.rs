//! Bodies of the auth service: snake_case, as OAuth 2 writes them. The internal ones are camelCase.

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Secret, bounds};

/// `POST /api/auth/login`
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    #[garde(length(bytes, min = 3, max = bounds::EMAIL_MAX))]
    #[schema(example = "admin@orion.local")]
    pub email: String,
    #[garde(custom(bounds::presented_secret))]
    pub password: Secret,
}

/// `POST /api/auth/refresh`
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    #[garde(custom(bounds::presented_secret))]
    pub refresh_token: Secret,
}

/// The answer to a login or a refresh.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenResponse {
    pub access_token: String,
    pub refresh_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: String,
    /// Seconds that the access token is valid for.
    pub expires_in: u64,
    pub user: UserSummary,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserSummary {
    pub id: Uuid,
    pub email: String,
    pub username: String,
    pub roles: Vec<String>,
}

/// `PUT /internal/credentials/{userId}`: what a person signs in with, handed over by the user service.
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutCredential {
    #[garde(custom(bounds::email))]
    pub email: String,
    #[garde(custom(bounds::new_password))]
    pub password: Secret,
    #[garde(custom(bounds::username))]
    pub username: String,
    #[garde(custom(|value: &Vec<String>, context: &()| bounds::roles(value, context)))]
    pub roles: Vec<String>,
}

/// `GET /internal/credentials/{userId}`: that there is one, and for whom. Never the hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    pub user_id: Uuid,
    pub email: String,
    pub username: String,
    pub roles: Vec<String>,
}

/// The answer to a logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogoutResponse {
    /// How many sessions were open and have been ended.
    pub sessions_ended: u64,
}
