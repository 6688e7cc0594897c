//! Passing a request on: find the service, see who may, make the headers fit, stream both ways.

use std::time::Instant;

use axum::extract::{Request, State as Extract};
use axum::response::{IntoResponse, Response};
use catalog::{Access, Service};
use chassis::Problem;
use chassis::context::{REQUEST_ID, RequestContext, TRACEPARENT};
use contracts::problem;
use http::{HeaderMap, HeaderValue, header};
use hyper::upgrade::OnUpgrade;

use super::edge::AnsweredBy;
use crate::config::WhenUnavailable;
use crate::domain::address::Origin;
use crate::domain::{headers, path};
use crate::error::Error;
use crate::metrics;
use crate::proxy::{Failure, Guarded, upgrade};
use crate::state::State;
use crate::store::revocation::{Standing, standing};

pub(super) async fn on(Extract(state): Extract<State>, request: Request) -> Response {
    match pass(&state, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn pass(state: &State, request: Request) -> Result<Response, Problem> {
    let (access, service) = route(state, request.uri().path()).ok_or(Error::NoRoute)?;
    if access == Access::User {
        admit(state, request.headers()).await?;
    }
    if too_long(request.headers(), state.config.limits.request_body) {
        return Err(Problem::new(problem::BODY_TOO_LARGE));
    }
    let started = Instant::now();
    let answer = forward(state, service, request).await;
    metrics::upstream(service.name, answer.as_ref().map(|r| r.status()).ok(), started.elapsed());
    let mut response = answer?;
    response.extensions_mut().insert(AnsweredBy(service));
    Ok(response)
}

/// The longest prefix wins; the list has the longest first.
fn route(state: &State, path: &str) -> Option<(Access, &'static Service)> {
    state
        .routes
        .iter()
        .find(|(route, _)| path::covers(route.prefix, path))
        .map(|(r, service)| (r.access, *service))
}

/// Lets in whoever shows a token that is valid and was not revoked.
async fn admit(state: &State, headers: &HeaderMap) -> Result<(), Problem> {
    let claims = state.chassis.tokens().of_headers(headers).await?;
    match standing(state.chassis.redis(), &claims).await {
        Standing::Good => Ok(()),
        Standing::Revoked => Err(Error::Revoked.into()),
        Standing::Unknown => {
            metrics::revocation_unknown();
            match state.config.revocation_unavailable {
                WhenUnavailable::Refuse => Err(Error::RevocationUnknown.into()),
                WhenUnavailable::Allow => Ok(()),
            }
        }
    }
}

/// A length that is announced is refused before anything is read; one that is not is counted on the way.
fn too_long(headers: &HeaderMap, limit: u64) -> bool {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    announced.is_some_and(|length| length > limit)
}

async fn forward(state: &State, service: &'static Service, request: Request) -> Result<Response, Problem> {
    let limits = state.upstreams.limits;
    let (mut parts, body) = request.into_parts();
    let on_upgrade = parts.extensions.remove::<OnUpgrade>();
    let asked = headers::upgrade(&parts.headers).filter(|_| on_upgrade.is_some());
    let origin = parts.extensions.get::<Origin>().copied().ok_or_else(|| Problem::internal("no origin"))?;
    let host = host(&parts);
    headers::for_service(&mut parts.headers, origin, host);
    if let Some(protocol) = asked.clone() {
        headers::set_upgrade(&mut parts.headers, protocol);
    }
    let context = RequestContext::current().unwrap_or_default();
    sign(state, service, &mut parts.headers, &context).await?;
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let failed = |failure| Problem::from(Error::Upstream { service: service.name, failure });
    let uri = state.upstreams.uri(service.name, path).ok_or_else(|| failed(Failure::Unreachable))?;
    let call =
        context.call(&parts.method, uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80), uri.path());
    parts.headers.insert(TRACEPARENT, value(call.traceparent())?);
    let (body, progress) = Guarded::new(body, limits.request_body, limits.idle);
    let mut outgoing = http::Request::new(body);
    *outgoing.method_mut() = parts.method;
    *outgoing.uri_mut() = uri;
    *outgoing.headers_mut() = parts.headers;
    let answer = state.upstreams.send(outgoing, &progress).await;
    match &answer {
        Ok(answer) => call.answered(answer.status()),
        Err(failure) => call.failed(failure.kind()),
    }
    let mut answer = answer.map_err(failed)?;
    if asked.is_some() {
        upgrade::join(on_upgrade, &mut answer);
    }
    let (parts, body) = answer.into_parts();
    let (body, _) = Guarded::new(body, u64::MAX, limits.idle);
    Ok(http::Response::from_parts(parts, body.into_axum()))
}

/// What the platform says of a request: from whom it comes, and what it is called.
async fn sign(
    state: &State,
    service: &'static Service,
    headers: &mut HeaderMap,
    context: &RequestContext,
) -> Result<(), Problem> {
    let token = state.chassis.service_tokens().header(service.name).await.map_err(Problem::unavailable)?;
    headers.insert(contracts::SERVICE_TOKEN_HEADER, token);
    headers.insert(REQUEST_ID, value(&context.request_id)?);
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(Problem::internal)
}

fn host(parts: &http::request::Parts) -> Option<HeaderValue> {
    let named = parts.uri.authority().and_then(|a| HeaderValue::from_str(a.as_str()).ok());
    named.or_else(|| parts.headers.get(header::HOST).cloned())
}
