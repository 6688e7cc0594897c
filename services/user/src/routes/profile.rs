//! `GET` and `PATCH /api/user/profile`: what a person sees of themselves.

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use chassis::Json;
use chassis::Problem;
use chassis::http::Unchecked;
use chassis::tokens::Person as SignedIn;
use contracts::events::{Event, UserUpdated};
use contracts::user::{Profile, ProfilePatch, UserStatus};
use contracts::{ProblemDocument, problem};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use uuid::Uuid;

use crate::domain::etag::{self, IfMatch};
use crate::domain::person::{Person, patched};
use crate::error::Error;
use crate::state::State;
use crate::store::people;

/// The profile of the person whose access token this is.
#[utoipa::path(
    get,
    path = "/api/user/profile",
    params(("If-None-Match" = Option<String>, Header, description = "ETag of the version that is known already.")),
    responses(
        (status = 200, description = "The profile", body = Profile, headers(("ETag" = String))),
        (status = 304, description = "Still the version in If-None-Match"),
        (status = 401, description = "No valid access token", body = ProblemDocument),
        (status = 403, description = "The account is suspended", body = ProblemDocument),
        (status = 404, description = "The token is valid, its person is not here", body = ProblemDocument),
        (status = 503, description = "The database or auth's keys do not answer", body = ProblemDocument),
    ),
    security(("bearer" = []))
)]
pub(super) async fn read(
    Extract(state): Extract<State>,
    user: SignedIn,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut db = state.db.acquire().await.map_err(Error::from)?;
    let found = people::by_id(&mut db, user.sub).await.map_err(Error::from)?;
    let person = usable(found)?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    if known.is_some_and(|list| etag::none_match(list, person.version)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag::value(person.version))]).into_response());
    }
    Ok(shown(person))
}

/// Changes one's own profile. Send `If-Match` to change only the version that was read.
#[utoipa::path(
    patch,
    path = "/api/user/profile",
    request_body(content = ProfilePatch, content_type = "application/merge-patch+json"),
    params(("If-Match" = Option<String>, Header, description = "ETag of the version to change.")),
    responses(
        (status = 200, description = "The profile as it is now", body = Profile, headers(("ETag" = String))),
        (status = 400, description = "No JSON of this form, or a bad If-Match", body = ProblemDocument),
        (status = 401, description = "No valid access token", body = ProblemDocument),
        (status = 403, description = "The account is suspended", body = ProblemDocument),
        (status = 404, description = "The token is valid, its person is not here", body = ProblemDocument),
        (status = 412, description = "Changed since the version in If-Match", body = ProblemDocument),
        (status = 415, description = "No JSON", body = ProblemDocument),
        (status = 422, description = "validation-failed", body = ProblemDocument),
        (status = 503, description = "The database or auth's keys do not answer", body = ProblemDocument),
    ),
    security(("bearer" = []))
)]
pub(super) async fn change(
    Extract(state): Extract<State>,
    user: SignedIn,
    headers: HeaderMap,
    body: Unchecked<ProfilePatch>,
) -> Result<Response, Problem> {
    let expected = if_match(&headers)?;
    let patch = body.check(&())?;
    Ok(shown(apply(&state, user.sub, expected, patch).await?))
}

/// One transaction: the row is held, so that two changes follow each other and an If-Match is judged truly.
async fn apply(state: &State, id: Uuid, expected: IfMatch, patch: ProfilePatch) -> Result<Person, Error> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let person = usable(people::by_id_for_update(&mut tx, id).await?)?;
    if !expected.allows(person.version) {
        return Err(Error::Changed);
    }
    let (next, changed) = patched(&person.profile, patch);
    if changed.is_empty() {
        return Ok(person);
    }
    let next = people::update_profile(&mut tx, &next, now).await?;
    let updated = UserUpdated { user_id: id, action: "profile".to_owned(), user_data: next.data(), changed };
    chassis::outbox::append(&mut tx, &Event::new(id, next.version, now, updated)).await?;
    tx.commit().await?;
    Ok(next)
}

fn usable(found: Option<Person>) -> Result<Person, Error> {
    let person = found.ok_or(Error::Nobody)?;
    match person.profile.status {
        UserStatus::Active => Ok(person),
        UserStatus::Suspended => Err(Error::Suspended),
        UserStatus::Pending | UserStatus::Deleted => Err(Error::Nobody),
    }
}

fn if_match(headers: &HeaderMap) -> Result<IfMatch, Problem> {
    let tags: Vec<_> =
        headers.get_all(header::IF_MATCH).iter().map(|v| v.to_str().unwrap_or_default()).collect();
    if tags.is_empty() {
        return Ok(IfMatch::Any);
    }
    etag::parse(&tags.join(",")).ok_or_else(|| {
        Problem::new(problem::MALFORMED_REQUEST)
            .detail("Send If-Match as the ETag was sent: with its quotes.")
    })
}

fn shown(person: Person) -> Response {
    let private = (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    ([private, (header::ETAG, etag::value(person.version))], Json(person.profile)).into_response()
}
