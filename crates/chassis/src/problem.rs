//! The one kind of error on the wire (RFC 9457). What a client may know is in it; the rest is logged.

use std::fmt::Display;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use contracts::problem::{self, CONTENT_TYPE};
use contracts::{FieldError, ProblemDocument, ProblemType};
use http::header::{self, HeaderValue};
use http::{HeaderName, StatusCode};

use crate::context::RequestContext;

/// An answer that says what went wrong. A handler returns `Result<_, Problem>`; a domain error becomes one by `From`.
#[derive(Debug)]
pub struct Problem {
    kind: ProblemType,
    detail: Option<String>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub fn new(kind: ProblemType) -> Self {
        Self { kind, detail: None, errors: Vec::new(), headers: Vec::new() }
    }

    /// For the client: what to do. Never what is inside.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Something that should not happen. The cause is logged with the request's id, and stays here.
    pub fn internal(cause: impl Display) -> Self {
        tracing::error!(cause = %cause, "internal error");
        Self::new(problem::INTERNAL)
    }

    /// What is needed for an answer does not answer; trying again helps.
    pub fn unavailable(cause: impl Display) -> Self {
        tracing::warn!(cause = %cause, "a dependency does not answer");
        Self::new(problem::UNAVAILABLE)
            .detail("Something this service needs does not answer. Try again shortly.")
            .retry_after(Duration::from_secs(1))
    }

    pub fn kind(&self) -> ProblemType {
        self.kind
    }

    pub fn document(&self) -> ProblemDocument {
        ProblemDocument {
            kind: self.kind.urn(),
            title: self.kind.title.to_owned(),
            status: self.kind.status,
            detail: self.detail.clone(),
            instance: None,
            request_id: RequestContext::current().map(|context| context.request_id.clone()),
            errors: self.errors.clone(),
        }
    }
}

impl From<ProblemType> for Problem {
    fn from(kind: ProblemType) -> Self {
        Self::new(kind)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error;
        crate::stores::db::note(&error);
        // 57: shut down or cancelled by the statement timeout; 53: out of connections; 40: try again (deadlock,
        // serialization); 55P03: a lock took too long; 25P03: so did a transaction.
        let passing = |code: &str| {
            ["57", "53", "40", "08", "55P03", "25P03"].iter().any(|class| code.starts_with(class))
        };
        match &error {
            Error::PoolTimedOut | Error::PoolClosed | Error::Io(_) | Error::Tls(_) => {
                Self::unavailable(error)
            }
            Error::Database(cause) if cause.code().is_some_and(|code| passing(&code)) => {
                Self::unavailable(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl From<crate::stores::redis::RedisError> for Problem {
    fn from(error: crate::stores::redis::RedisError) -> Self {
        Self::unavailable(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
