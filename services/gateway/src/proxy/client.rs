//! The connections to the services behind the gateway, and what can go wrong with them.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, sleep_until, timeout};
use tower::Service;

use super::body::{Fault, Guarded, Progress};

/// How long and how much the gateway lets things take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connect: Duration,
    /// From the last byte of the request to the head of the answer.
    pub head: Duration,
    /// Between two pieces of a body, in either direction.
    pub idle: Duration,
    pub request_body: u64,
    pub request_headers: usize,
}

/// Why there is no answer from a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("no connection")]
    Unreachable,
    #[error("the connection ended before an answer")]
    Broken,
    #[error("no answer in time")]
    TimedOut,
    #[error("the client's body: {0}")]
    Client(Fault),
}

impl Failure {
    /// For traces: one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::TimedOut => "timeout",
            Self::Client(_) => "client",
        }
    }
}

/// The services by name, with one pool of kept connections for all.
#[derive(Clone)]
pub struct Upstreams {
    client: Client<Bounded, Guarded<Body>>,
    authorities: Arc<HashMap<&'static str, Uri>>,
    pub limits: Limits,
}

/// Idle connections go before a service would close them: fewer requests meet a closing connection.
const POOL_IDLE: Duration = Duration::from_secs(5);
const POOL_SIZE: usize = 256;
/// How often a connection is tried. Behind a service's one address are its pods, and each try may meet another: one
/// that has just ended, or whose node is lost, is no reason to refuse a request that nobody has seen yet.
const CONNECT_TRIES: usize = 3;
/// What was sent and isn't acknowledged by then went to a machine that is gone. However busy a service is, its
/// machine answers.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

impl Upstreams {
    pub fn new(peers: HashMap<&'static str, Uri>, limits: Limits) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_SIZE)
            .build(Bounded { connector, limit: limits.connect });
        Upstreams { client, authorities: Arc::new(peers), limits }
    }

    /// The address of `path_and_query` at a service; none if it is not configured.
    pub fn uri(&self, service: &str, path_and_query: &str) -> Option<Uri> {
        let base = self.authorities.get(service)?;
        let mut parts = base.clone().into_parts();
        parts.path_and_query = Some(path_and_query.parse().ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Sends a request and returns as soon as the head of the answer is there, even while the request still flows.
    pub async fn send(
        &self,
        request: Request<Guarded<Body>>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, Failure> {
        let mut answer = pin!(self.client.request(request));
        loop {
            let deadline = progress.last() + self.limits.head;
            tokio::select! {
                answer = &mut answer => return answer.map_err(|e| failure(&e, progress)),
                () = sleep_until(deadline) => {}
            }
            // A long upload is no silence: the time counts from the body's last movement.
            if progress.last() + self.limits.head <= Instant::now() {
                return Err(Failure::TimedOut);
            }
        }
    }
}

fn failure(error: &hyper_util::client::legacy::Error, progress: &Progress) -> Failure {
    if let Some(fault) = progress.fault() {
        return Failure::Client(fault);
    }
    tracing::debug!(error = %Chain(error), "a service gave no answer");
    if error.is_connect() { Failure::Unreachable } else { Failure::Broken }
}

/// An error with its causes, on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// A connector whose tries, looking up the name included, each end in time.
#[derive(Clone)]
struct Bounded {
    connector: HttpConnector,
    limit: Duration,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Bounded {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (mut connector, limit) = (self.connector.clone(), self.limit);
        Box::pin(async move {
            let mut tries = 1;
            loop {
                let failed: BoxError = match timeout(limit, connector.call(uri.clone())).await {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(error)) => error.into(),
                    Err(late) => late.into(),
                };
                if tries == CONNECT_TRIES {
                    return Err(failed);
                }
                tries += 1;
            }
        })
    }
}
