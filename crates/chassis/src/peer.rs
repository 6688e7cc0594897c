//! Calls to other services: with this service's own token, the request's id and trace, and an end in sight.

use std::time::Duration;

use bytes::Bytes;
use contracts::problem::{self, ProblemDocument};
use contracts::{ProblemType, SERVICE_TOKEN_HEADER};
use http::{HeaderValue, Method, StatusCode, header};
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::{REQUEST_ID, RequestContext, TRACEPARENT};
use crate::problem::Problem;
use crate::telemetry::Call;
use crate::tokens::ServiceTokens;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);

/// One client for all peers: it keeps their connections.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// It did not answer, or said that it cannot now. Trying again may help.
    #[error("{peer}: {reason}")]
    Unavailable {
        peer: &'static str,
        reason: String,
        /// Whether it may have got the request, and so may have done what was asked.
        sent: bool,
    },
    /// It understood, and said no.
    #[error("{peer}: {} ({})", .document.title, .document.status)]
    Refused { peer: &'static str, document: Box<ProblemDocument> },
    /// It said something that does not fit.
    #[error("{peer}: {reason}")]
    Unusable { peer: &'static str, reason: String },
}

impl PeerError {
    /// Whether it said no for this reason.
    pub fn is(&self, kind: ProblemType) -> bool {
        matches!(self, Self::Refused { document, .. } if document.is(kind))
    }
}

/// A refusal that the handler did not expect is its own mistake, not the client's.
impl From<PeerError> for Problem {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::Unavailable { .. } => Self::unavailable(error),
            PeerError::Refused { .. } | PeerError::Unusable { .. } => Self::internal(error),
        }
    }
}

#[derive(Clone)]
pub struct Peer {
    name: &'static str,
    base: Url,
    client: reqwest::Client,
    tokens: ServiceTokens,
}

impl Peer {
    pub(crate) fn new(name: &'static str, base: Url, client: reqwest::Client, tokens: ServiceTokens) -> Self {
        Self { name, base, client, tokens }
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    pub fn get(&self, path: &str) -> PeerRequest {
        self.request(Method::GET, path)
    }

    /// `path` begins with a slash; what is variable in it must be a safe segment (an id).
    pub fn request(&self, method: Method, path: &str) -> PeerRequest {
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        PeerRequest { peer: self.clone(), builder: self.client.request(method, url) }
    }

    /// Whether its health path says that it works.
    pub(crate) async fn check(&self, health_path: &str) -> Result<(), String> {
        let url = format!("{}{health_path}", self.base.as_str().trim_end_matches('/'));
        let answer = self.client.get(url).send().await.map_err(|error| reason(&error))?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answers {}", answer.status())) }
    }
}

pub struct PeerRequest {
    peer: Peer,
    builder: reqwest::RequestBuilder,
}

impl PeerRequest {
    pub fn json<T: Serialize>(mut self, body: &T) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    /// Instead of 5 s.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.builder = self.builder.timeout(timeout);
        self
    }

    /// An answer other than 2xx is an error.
    pub async fn send(self) -> Result<PeerResponse, PeerError> {
        let peer = self.peer.name;
        let unavailable = |reason: String| PeerError::Unavailable { peer, reason, sent: true };
        let not_sent = |reason: String| PeerError::Unavailable { peer, reason, sent: false };
        let token = self.peer.tokens.header(peer).await.map_err(not_sent)?;
        let context = RequestContext::current().unwrap_or_default();
        let builder =
            self.builder.header(SERVICE_TOKEN_HEADER, token).header(REQUEST_ID, &context.request_id);
        let mut request = builder.build().map_err(|error| not_sent(reason(&error)))?;
        let call = traced(&context, &mut request);
        let answer = match self.peer.client.execute(request).await {
            Ok(answer) => answer,
            Err(error) => {
                call.failed(kind(&error));
                let why = reason(&error);
                return Err(if error.is_connect() { not_sent(why) } else { unavailable(why) });
            }
        };
        let (status, headers) = (answer.status(), answer.headers().clone());
        call.answered(status);
        let body = answer.bytes().await.map_err(|error| unavailable(reason(&error)))?;
        if status.is_success() {
            return Ok(PeerResponse { peer, status, body });
        }
        let is_problem =
            headers.get(header::CONTENT_TYPE).is_some_and(|value| value == problem::CONTENT_TYPE);
        match serde_json::from_slice::<ProblemDocument>(&body) {
            _ if status.is_server_error() => Err(unavailable(format!("it answers {status}"))),
            Ok(document) if is_problem => Err(PeerError::Refused { peer, document: Box::new(document) }),
            _ => Err(PeerError::Unusable { peer, reason: format!("it answers {status} without saying why") }),
        }
    }
}

/// The request says which trace it belongs to.
fn traced(context: &RequestContext, request: &mut reqwest::Request) -> Call {
    let url = request.url();
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let call = context.call(request.method(), host, port, url.path());
    if let Ok(value) = HeaderValue::from_str(call.traceparent()) {
        request.headers_mut().insert(TRACEPARENT, value);
    }
    call
}

fn kind(error: &reqwest::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "timeout",
        error if error.is_connect() => "unreachable",
        _ => "broken",
    }
}

#[derive(Debug)]
pub struct PeerResponse {
    peer: &'static str,
    status: StatusCode,
    body: Bytes,
}

impl PeerResponse {
    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, PeerError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| PeerError::Unusable { peer: self.peer, reason: error.to_string() })
    }
}

/// The innermost cause: the library's own words name a URL, and not the reason.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
