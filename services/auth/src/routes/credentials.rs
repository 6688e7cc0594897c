//! `/internal/credentials/{userId}`: for the user service alone; the gateway has no way here.

use super::AppState;
use crate::flows::credentials::{self, Put};
use axum::extract::State;
use axum::http::StatusCode;
use chassis::{Caller, Json, Path, Problem};
use contracts::auth::{Credential, PutCredential};
use contracts::problem;
use uuid::Uuid;

pub(crate) async fn put(
    State(app): AppState,
    caller: Caller,
    Path(user_id): Path<Uuid>,
    Json(request): Json<PutCredential>,
) -> Result<(StatusCode, Json<Credential>), Problem> {
    only_user(caller)?;
    let status = match credentials::put(&app, user_id, &request).await? {
        Put::Created => StatusCode::CREATED,
        Put::Same => StatusCode::OK,
    };
    let PutCredential { email, username, roles, .. } = request;
    Ok((status, Json(Credential { user_id, email, username, roles })))
}

pub(crate) async fn get(
    State(app): AppState,
    caller: Caller,
    Path(user_id): Path<Uuid>,
) -> Result<Json<Credential>, Problem> {
    only_user(caller)?;
    let there = credentials::get(&app, user_id).await?.ok_or(problem::NOT_FOUND)?;
    Ok(Json(Credential { user_id, email: there.email, username: there.username, roles: there.roles.0 }))
}

pub(crate) async fn delete(
    State(app): AppState,
    caller: Caller,
    Path(user_id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    only_user(caller)?;
    credentials::delete(&app, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The gateway may call this service too, with whatever a client wants: not here.
fn only_user(Caller(service): Caller) -> Result<(), Problem> {
    if service.name == "user" { Ok(()) } else { Err(problem::CALLER_FORBIDDEN.into()) }
}
