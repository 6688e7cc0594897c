//! What the user service tells: somebody came, somebody changed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Payload;
use crate::user::UserStatus;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserData {
    pub email: String,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    pub roles: Vec<String>,
    pub status: UserStatus,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserCreated {
    pub user_id: Uuid,
    /// How they came: `register`, `bootstrap`.
    pub action: String,
    pub user_data: UserData,
}

impl Payload for UserCreated {
    const TYPE: &'static str = "user.created";
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserUpdated {
    pub user_id: Uuid,
    /// What was done: `profile`, `roles`, `status`.
    pub action: String,
    /// The state after the change.
    pub user_data: UserData,
    /// The fields of `userData` that changed.
    pub changed: Vec<String>,
}

impl Payload for UserUpdated {
    const TYPE: &'static str = "user.updated";
}
