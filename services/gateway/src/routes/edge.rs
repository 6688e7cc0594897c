//! What holds for every request and every answer, the gateway's own included.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use catalog::Service;
use chassis::Problem;
use http::{Method, StatusCode, header};

use crate::domain::address::Origin;
use crate::domain::{headers, path, security};
use crate::error::Error;
use crate::state::State;

/// The service that gave an answer; left on the answer by whoever passed the request on.
#[derive(Clone, Copy)]
pub(super) struct AnsweredBy(pub(super) &'static Service);

/// Refuses what no service should see, and sets on each answer what a browser has to know.
pub(super) async fn guard(
    Extract(state): Extract<State>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let origin = state.config.sources.origin(peer.ip(), request.headers());
    let web_origin = request.headers().get(header::ORIGIN).cloned();
    let preflight = state.config.cors.is_preflight(request.method(), request.headers());
    request.extensions_mut().insert(origin);
    let mut response = match check(&state, &request) {
        Err(error) => Problem::from(error).into_response(),
        Ok(()) if preflight => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => next.run(request).await,
    };
    let service = response.extensions().get::<AnsweredBy>().map(|by| by.0);
    let Origin { https, .. } = origin;
    let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    headers::for_client(response.headers_mut(), switching);
    security::apply(response.headers_mut(), service, https);
    state.config.cors.apply(response.headers_mut(), web_origin.as_ref(), preflight);
    response
}

fn check(state: &State, request: &Request) -> Result<(), Error> {
    // TRACE would show a client what the platform adds; CONNECT is for proxies that go anywhere.
    if [Method::TRACE, Method::CONNECT].contains(request.method()) {
        return Err(Error::Method);
    }
    path::check(request.uri().path())?;
    if headers::size(request.headers()) + request.uri().path().len() > state.config.limits.request_headers {
        return Err(Error::Headers);
    }
    if headers::ambiguous_framing(request.headers()) { Err(Error::Framing) } else { Ok(()) }
}
