//! Bodies of the user service: camelCase.

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Secret, bounds};

/// `POST /api/user/register`
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterRequest {
    #[garde(email, length(bytes, max = bounds::EMAIL_MAX))]
    #[schema(example = "ada@example.com")]
    pub email: String,
    #[garde(custom(bounds::username))]
    #[schema(example = "ada")]
    pub username: String,
    #[garde(custom(bounds::new_password))]
    pub password: Secret,
    #[garde(rename("firstName"), custom(bounds::person_name))]
    pub first_name: String,
    #[garde(rename("lastName"), custom(bounds::person_name))]
    pub last_name: String,
}

/// `PATCH /api/user/profile`: what is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfilePatch {
    #[garde(rename("firstName"), custom(bounds::optional_person_name))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[garde(rename("lastName"), custom(bounds::optional_person_name))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum UserStatus {
    /// Registered, the credential not yet stored.
    Pending,
    Active,
    Disabled,
}

impl UserStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

impl std::str::FromStr for UserStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Pending, Self::Active, Self::Disabled]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("no such status: {text}"))
    }
}

/// A person as they see themselves: the answer to a registration, `GET` and `PATCH /api/user/profile`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    pub id: Uuid,
    pub email: String,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    pub roles: Vec<String>,
    pub status: UserStatus,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}
