//! Counts what is asked of the API server. Said by the client itself, it also has what never got an answer.

use super::API_REQUESTS;
use axum::http::{Method, Request, Response};
use kube::client::Body;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::Service;

/// A client's way to the API server, counted.
#[derive(Clone)]
pub struct Counted<S>(pub S);

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = name(request.method());
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code =
                answer.as_ref().map_or_else(|_| "error".to_owned(), |a| a.status().as_str().to_owned());
            metrics::counter!(API_REQUESTS, "method" => method, "code" => code).increment(1);
            answer
        })
    }
}

/// Those that Kubernetes has.
fn name(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
