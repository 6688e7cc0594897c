//! Problem documents (RFC 9457). The `type` is stable: clients decide by it, never by the words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every type starts with.
pub const TYPE_PREFIX: &str = "urn:orion:problem:";
pub const CONTENT_TYPE: &str = "application/problem+json";

/// `application/problem+json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDocument {
    #[serde(rename = "type")]
    #[schema(example = "urn:orion:problem:email-taken")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl ProblemDocument {
    pub fn is(&self, kind: ProblemType) -> bool {
        self.kind.strip_prefix(TYPE_PREFIX) == Some(kind.slug)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The field as the client wrote it, with dots and indices: `items[2].name`.
    pub field: String,
    pub message: String,
}

/// A kind of problem: slug, title and status belong together and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemType {
    pub slug: &'static str,
    pub title: &'static str,
    pub status: u16,
}

impl ProblemType {
    pub const fn new(slug: &'static str, title: &'static str, status: u16) -> Self {
        Self { slug, title, status }
    }

    pub fn urn(&self) -> String {
        format!("{TYPE_PREFIX}{}", self.slug)
    }
}

macro_rules! problem_types {
    ($($name:ident = ($slug:literal, $title:literal, $status:literal);)*) => {
        $(pub const $name: ProblemType = ProblemType::new($slug, $title, $status);)*
        /// All of them, for documentation and tests.
        pub const ALL: &[ProblemType] = &[$($name),*];
    };
}

problem_types! {
    MALFORMED_BODY = ("malformed-body", "The body cannot be read", 400);
    MALFORMED_REQUEST = ("malformed-request", "The request cannot be read", 400);
    BAD_PATH = ("bad-path", "The path is not in its plain form", 400);
    UNAUTHENTICATED = ("unauthenticated", "No access token was sent", 401);
    INVALID_TOKEN = ("invalid-token", "The access token is not valid", 401);
    TOKEN_REVOKED = ("token-revoked", "The access token was revoked", 401);
    INVALID_CREDENTIALS = ("invalid-credentials", "E-mail address or password is wrong", 401);
    INVALID_REFRESH_TOKEN = ("invalid-refresh-token", "The refresh token is not valid", 401);
    CALLER_UNAUTHENTICATED = ("caller-unauthenticated", "The calling service did not prove who it is", 401);
    FORBIDDEN = ("forbidden", "Not allowed", 403);
    CALLER_FORBIDDEN = ("caller-forbidden", "The calling service may not do this", 403);
    ACCOUNT_DISABLED = ("account-disabled", "The account is disabled", 403);
    NOT_FOUND = ("not-found", "There is nothing here", 404);
    METHOD_NOT_ALLOWED = ("method-not-allowed", "The method is not allowed here", 405);
    REQUEST_TIMEOUT = ("request-timeout", "The request did not arrive in time", 408);
    CONFLICT = ("conflict", "This conflicts with what is there", 409);
    REQUEST_IN_PROGRESS = ("request-in-progress", "The same request is still being worked on", 409);
    EMAIL_TAKEN = ("email-taken", "The e-mail address is taken", 409);
    USERNAME_TAKEN = ("username-taken", "The user name is taken", 409);
    PRECONDITION_FAILED = ("precondition-failed", "It was changed in the meantime", 412);
    BODY_TOO_LARGE = ("body-too-large", "The body is too large", 413);
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", "The content type is not supported", 415);
    VALIDATION_FAILED = ("validation-failed", "Some fields are not valid", 422);
    IDEMPOTENCY_KEY_REUSED = ("idempotency-key-reused", "The Idempotency-Key was used for another request", 422);
    TOO_MANY_REQUESTS = ("too-many-requests", "Too many requests", 429);
    ACCOUNT_LOCKED = ("account-locked", "Too many failed attempts", 429);
    HEADERS_TOO_LARGE = ("headers-too-large", "The headers are too large", 431);
    INTERNAL = ("internal-error", "Something went wrong", 500);
    BAD_GATEWAY = ("bad-gateway", "The service behind gave an answer that cannot be used", 502);
    UNAVAILABLE = ("service-unavailable", "The service cannot answer now", 503);
    TIMEOUT = ("timeout", "The answer took too long", 504);
}
