//! What stops a request at the gateway, and the words for it. Services are named; what is inside them is not.

use std::time::Duration;

use chassis::Problem;
use contracts::problem;
use http::HeaderValue;
use http::header;

use crate::domain::path::BadPath;
use crate::proxy::Failure;
use crate::proxy::body::Fault;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Path(#[from] BadPath),
    #[error("the request says in two ways where its body ends")]
    Framing,
    #[error("no method that a service has")]
    Method,
    #[error("the headers are larger than allowed")]
    Headers,
    #[error("no route")]
    NoRoute,
    #[error("revocations are unknown")]
    RevocationUnknown,
    #[error("the token was revoked")]
    Revoked,
    #[error("{service}: {failure}")]
    Upstream { service: &'static str, failure: Failure },
}

const TRY_AGAIN: Duration = Duration::from_secs(2);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Path(why) => Problem::new(problem::BAD_PATH).detail(why.to_string()),
            Error::Framing => Problem::new(problem::MALFORMED_REQUEST)
                .detail("Send either one content-length or transfer-encoding: chunked."),
            Error::Method => Problem::new(problem::METHOD_NOT_ALLOWED),
            Error::Headers => Problem::new(problem::HEADERS_TOO_LARGE),
            Error::NoRoute => Problem::new(problem::NOT_FOUND),
            Error::RevocationUnknown => Problem::new(problem::UNAVAILABLE)
                .detail("Whether the access token was revoked cannot be told now. Try again shortly.")
                .retry_after(TRY_AGAIN),
            Error::Revoked => Problem::new(problem::TOKEN_REVOKED).header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(
                    "Bearer realm=\"orion\", error=\"invalid_token\", error_description=\"The access token was revoked\"",
                ),
            ),
            Error::Upstream { service, failure } => upstream(service, failure),
        }
    }
}

fn upstream(service: &'static str, failure: Failure) -> Problem {
    let (kind, detail) = match failure {
        Failure::Unreachable => {
            (problem::UNAVAILABLE, format!("The {service} service cannot be reached now."))
        }
        Failure::Broken => {
            (problem::BAD_GATEWAY, format!("The {service} service broke off before it answered."))
        }
        Failure::TimedOut => (problem::TIMEOUT, format!("The {service} service did not answer in time.")),
        Failure::Client(Fault::TooLarge) => return Problem::new(problem::BODY_TOO_LARGE),
        Failure::Client(Fault::Idle) => {
            return Problem::new(problem::REQUEST_TIMEOUT).detail("The body stopped arriving.");
        }
        Failure::Client(Fault::Broken) => {
            return Problem::new(problem::MALFORMED_REQUEST).detail("The body broke off.");
        }
    };
    Problem::new(kind).detail(detail).retry_after(TRY_AGAIN)
}
