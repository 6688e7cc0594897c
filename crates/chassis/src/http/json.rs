//! A JSON body, in and out. In, it is checked in full before a handler sees it.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use contracts::problem;
use garde::Validate;
use http::header;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::names::WireNames;
use crate::problem::Problem;

/// 415 for another content type, 413 for too much, 400 for what is no JSON of this form or has unknown fields, and
/// 422 with every field that is out of bounds.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let value: T = read(request, state).await?;
        value.validate().map_err(|report| invalid::<T>(&report))?;
        Ok(Self(value))
    }
}

/// A JSON body that has its form, but is yet to be checked: its bounds depend on settings.
#[derive(Clone, Copy, Debug)]
pub struct Unchecked<T>(T);

impl<T: DeserializeOwned + Validate> Unchecked<T> {
    /// 422 with every field that is out of bounds, named as it was written.
    pub fn check(self, context: &T::Context) -> Result<T, Problem> {
        self.0.validate_with(context).map_err(|report| invalid::<T>(&report))?;
        Ok(self.0)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Unchecked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        read(request, state).await.map(Self)
    }
}

async fn read<T: DeserializeOwned, S: Send + Sync>(request: Request, state: &S) -> Result<T, Problem> {
    if !is_json(&request) {
        return Err(
            Problem::new(problem::UNSUPPORTED_MEDIA_TYPE).detail("Send content-type: application/json")
        );
    }
    let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
    parse(&bytes)
}

fn is_json(request: &Request) -> bool {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else { return false };
    let Ok(text) = value.to_str() else { return false };
    let mut parts = text.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    // JSON is UTF-8 (RFC 8259); another charset is a promise that cannot be kept.
    let utf8 = parts.all(|parameter| match parameter.trim().to_ascii_lowercase().strip_prefix("charset=") {
        Some(charset) => charset.trim_matches('"') == "utf-8",
        None => true,
    });
    let json =
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    json && utf8
}

fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            Problem::new(problem::BODY_TOO_LARGE)
        }
        _ => Problem::new(problem::MALFORMED_BODY).detail("The body ended early"),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = |detail: String| Problem::new(problem::MALFORMED_BODY).detail(detail);
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("The body is not UTF-8".to_owned()))?;
    if has_nul(text) {
        return Err(malformed("The body holds a NUL character (\\u0000), which no text may".to_owned()));
    }
    // Without this, a list of a type's fields in their order would pass for the type.
    if !text.trim_start().starts_with('{') {
        return Err(malformed("The body must be a JSON object".to_owned()));
    }
    let mut input = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut input).map_err(|error| {
        let field = error.path().to_string();
        let cause = error.into_inner();
        match cause.classify() {
            serde_json::error::Category::Data => {
                malformed("The body does not have the expected form".to_owned()).field(field, plain(&cause))
            }
            _ => malformed(format!("The body is not JSON: {cause}")),
        }
    })?;
    input.end().map_err(|error| malformed(format!("The body is not JSON: {error}")))?;
    Ok(value)
}

/// Without the position, which the field replaces, and without the value, which may be a secret.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    match (text.strip_prefix("invalid "), text.split_once(", expected ")) {
        (Some(_), Some((_, expected))) => format!("expected {expected}"),
        _ => text.chars().take(300).collect(),
    }
}

/// PostgreSQL keeps no NUL in a text: better a clear refusal here than an error there.
fn has_nul(text: &str) -> bool {
    text.match_indices("\\u0000").any(|(at, _)| {
        let before = text[..at].bytes().rev().take_while(|b| *b == b'\\').count();
        before % 2 == 0
    })
}

fn invalid<'de, T: Deserialize<'de>>(report: &garde::Report) -> Problem {
    let names = WireNames::of::<T>();
    report.iter().fold(Problem::new(problem::VALIDATION_FAILED), |problem, (path, error)| {
        problem.field(names.translate(&path.to_string()), error.message().to_string())
    })
}
