//! What wraps a service's routes: request context, access log, metrics, panics, time limit, body limit.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use contracts::problem;
use http::{HeaderValue, StatusCode, Version, header};
use tower_http::catch_panic::CatchPanicLayer;

use super::{BODY_LIMIT, Json};
use crate::context::{REQUEST_ID, RequestContext};
use crate::health;
use crate::problem::Problem;
use crate::telemetry;
use crate::{Chassis, Service};

pub(crate) fn assemble<S: Service>(chassis: &Chassis, routes: Router) -> Router {
    let mut routes = routes;
    // The limit is for the service's own work; the summary has its own.
    if let Some(timeout) = S::REQUEST_TIMEOUT {
        routes = routes.layer(from_fn_with_state(timeout, limit_time));
    }
    if S::HEALTH_ROUTE {
        let summary = health::Summary::of(chassis);
        let health = get(move || async move { summary.answer().await });
        routes = routes.merge(Router::new().route(chassis.service().health_path, health));
    }
    routes
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(chassis.clone(), observe))
}

async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(problem::TIMEOUT).into_response(),
    }
}

fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let words =
        cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    Problem::internal(format!("panic: {}", words.unwrap_or("no words"))).into_response()
}

async fn observe(State(chassis): State<Chassis>, mut request: Request, next: Next) -> Response {
    let mut context = RequestContext::from_headers(request.headers());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // Who asks all the time whether it is well would fill the collector with nothing.
    let traces =
        chassis.inner().traces.as_ref().filter(|_| request.uri().path() != chassis.service().health_path);
    let span = traces.map(|traces| traces.serve(&request, route.as_deref(), &mut context));
    let context = Arc::new(context);
    let (method, http1) = (request.method().clone(), request.version() < Version::HTTP_2);
    request.extensions_mut().insert(chassis.clone());
    context
        .clone()
        .scope(async move {
            let started = Instant::now();
            let mut response = worded(next.run(request).await, route.is_some());
            if let Ok(id) = HeaderValue::from_str(&context.request_id) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            if http1 && closes(&response, &chassis) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            if let Some(span) = span {
                span.end(response.status());
            }
            let (status, took) = (response.status().as_u16(), started.elapsed());
            let route = route.as_deref().unwrap_or("_unmatched");
            telemetry::request(chassis.service().name, &method, route, status, took);
            if route == chassis.service().health_path {
                tracing::debug!(%method, route, status, took_ms = took.as_millis() as u64, "request");
            } else {
                tracing::info!(%method, route, status, took_ms = took.as_millis() as u64, "request");
            }
            response
        })
        .await
}

/// A connection of a service that is on its way out ends with this answer; one that leaves HTTP has its own end.
fn closes(response: &Response, chassis: &Chassis) -> bool {
    response.status() != StatusCode::SWITCHING_PROTOCOLS
        && chassis.health().phase() == health::Phase::Draining
}

/// axum's own refusals have no body: they get one.
fn worded(response: Response, matched: bool) -> Response {
    let bare = response.headers().get(header::CONTENT_TYPE).is_none()
        && response.body().size_hint().exact() == Some(0);
    let kind = match response.status() {
        StatusCode::NOT_FOUND if bare && !matched => problem::NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED if bare => problem::METHOD_NOT_ALLOWED,
        _ => return response,
    };
    let mut worded = Problem::new(kind).into_response();
    // What the refusal already says (which methods there are), and what a service's own layers have set.
    let (parts, _) = response.into_parts();
    let kept = |name: &&http::HeaderName| ![header::CONTENT_LENGTH, header::CACHE_CONTROL].contains(name);
    for (name, value) in parts.headers.iter().filter(|(name, _)| kept(name)) {
        worded.headers_mut().append(name, value.clone());
    }
    *worded.extensions_mut() = parts.extensions;
    worded
}

impl health::Summary {
    async fn answer(self) -> Response {
        let (status, summary) = self.get().await;
        (status, Json(summary)).into_response()
    }
}
