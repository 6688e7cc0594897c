//! Bodies of the user service: camelCase.

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{PasswordPolicy, Secret, bounds};

/// `POST /api/user/register`
#[derive(Clone, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[garde(context(PasswordPolicy))]
pub struct RegisterRequest {
    #[garde(custom(bounds::email))]
    #[schema(example = "ada@example.com", max_length = 254)]
    pub email: String,
    #[garde(custom(bounds::username))]
    #[schema(example = "ada", min_length = 3, max_length = 32, pattern = "^[a-z0-9_.-]+$")]
    pub username: String,
    #[garde(custom(bounds::chosen_password))]
    pub password: Secret,
    #[garde(custom(bounds::person_name))]
    #[schema(example = "Ada", min_length = 1, max_length = 100)]
    pub first_name: String,
    #[garde(custom(bounds::person_name))]
    #[schema(example = "Lovelace", min_length = 1, max_length = 100)]
    pub last_name: String,
}

/// `PATCH /api/user/profile`, a JSON merge patch (RFC 7396): what is left out stays, null would remove.
///
/// Without the user name: auth has a copy of it that goes into its answers, and would not learn of the change.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfilePatch {
    #[garde(custom(bounds::settable(bounds::person_name)))]
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    pub first_name: Option<Option<String>>,
    #[garde(custom(bounds::settable(bounds::person_name)))]
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    pub last_name: Option<Option<String>>,
}

/// Tells null from absent, which is the default.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum UserStatus {
    /// Registering: the credential may not be stored yet, and nobody can sign in.
    Pending,
    Active,
    Suspended,
    Deleted,
}

impl UserStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
        }
    }
}

impl std::str::FromStr for UserStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Pending, Self::Active, Self::Suspended, Self::Deleted]
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
    pub is_verified: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub email_verified_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_login_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(report: &garde::Report) -> Vec<String> {
        report.iter().map(|(path, _)| path.to_string()).collect()
    }

    #[test]
    fn every_bad_field_is_named() {
        let request: RegisterRequest = serde_json::from_value(serde_json::json!(
            {"email": "x", "username": "X", "password": "short", "firstName": "", "lastName": "\u{1}"}
        ))
        .expect("a request");
        let report =
            request.validate_with(&PasswordPolicy { least: 12 }).expect_err("nothing in it is right");
        assert_eq!(fields(&report), ["email", "first_name", "last_name", "password", "username"]);
    }

    #[test]
    fn a_patch_tells_absent_from_null() {
        let patch: ProfilePatch = serde_json::from_str(r#"{"firstName": null}"#).expect("a patch");
        assert_eq!(patch.last_name, None);
        assert_eq!(patch.first_name, Some(None));
        assert_eq!(fields(&patch.validate().expect_err("null is not for names")), ["first_name"]);
    }
}
