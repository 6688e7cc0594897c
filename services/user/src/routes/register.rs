//! `POST /api/user/register`

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use chassis::Json;
use chassis::Problem;
use chassis::http::Unchecked;
use contracts::user::{Profile, RegisterRequest};
use contracts::{ProblemDocument, problem};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::domain::etag;
use crate::domain::idempotency::{Key, Remembered};
use crate::domain::person::USER;
use crate::registration::{self, Newcomer, Registered};
use crate::state::State;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Registers a person, who can sign in as soon as this has answered.
#[utoipa::path(
    post,
    path = "/api/user/register",
    request_body = RegisterRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "16 to 128 printable characters (a UUID). \
        Repeating the same request with the same key gives the same answer and registers nobody again, for a day.")),
    responses(
        (status = 201, description = "Registered", body = Profile, headers(("Location" = String), ("ETag" = String))),
        (status = 400, description = "No JSON of this form, or a bad Idempotency-Key", body = ProblemDocument),
        (status = 409, description = "email-taken, username-taken or request-in-progress", body = ProblemDocument),
        (status = 413, description = "Too large", body = ProblemDocument),
        (status = 415, description = "No JSON", body = ProblemDocument),
        (status = 422, description = "validation-failed or idempotency-key-reused", body = ProblemDocument),
        (status = 503, description = "Auth or the database does not answer, or too many register at once; `detail` says whether nothing was kept", body = ProblemDocument),
    )
)]
pub(super) async fn register(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    body: Unchecked<RegisterRequest>,
) -> Result<Response, Problem> {
    let request = body.check(&state.password_policy)?;
    let call = remembered(&headers, &request)?;
    let (profile, version, replayed) =
        match registration::register(&state, Newcomer::new(request, &[USER]), call).await? {
            Registered::Now(person) => (person.profile, person.version, false),
            Registered::Before(profile) => (profile, 1, true),
        };
    let mut response = (StatusCode::CREATED, Json(profile)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static("/api/user/profile"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    } else {
        headers.insert(header::ETAG, etag::value(version));
    }
    Ok(response)
}

fn remembered(headers: &HeaderMap, request: &RegisterRequest) -> Result<Option<Remembered>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key.to_str().ok().filter(|_| keys.next().is_none()).and_then(Key::parse).ok_or_else(|| {
        Problem::new(problem::MALFORMED_REQUEST)
            .detail("Send one Idempotency-Key of 16 to 128 printable ASCII characters, a UUID for example.")
    })?;
    let RegisterRequest { email, username, password, first_name, last_name } = request;
    Ok(Some(key.remember(&[email, username, password.expose(), first_name, last_name])))
}
