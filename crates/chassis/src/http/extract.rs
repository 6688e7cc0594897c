//! Parts of a request, refused with a problem document where they cannot be read.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts};
use contracts::problem;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::tokens::Caller;

/// The query, by name. Unknown names are refused where the type says `deny_unknown_fields`.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map_err(|rejection| Problem::new(problem::MALFORMED_REQUEST).detail(rejection.body_text()))?;
        Ok(Self(query.0))
    }
}

/// The variable parts of the path. One that cannot be what it should be (an id that is none) is not found.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match <axum::extract::Path<T> as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(rejection) if rejection.status().is_server_error() => Err(Problem::internal(rejection)),
            Err(_) => Err(Problem::new(problem::NOT_FOUND)),
        }
    }
}

/// Where the client is. What `x-forwarded-for` says counts only if the gateway proved that it wrote it; unknown where
/// the gateway doesn't know either, and where such a proof was sent and could not be verified.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = <Caller as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await;
        let forwarded = parts
            .headers
            .get("x-forwarded-for")
            .and_then(|value| value.to_str().ok()?.split(',').next()?.trim().parse().ok());
        let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Ok(Self(match caller {
            Ok(Some(Caller(service))) if service.edge => forwarded,
            Ok(_) => connected,
            // Perhaps the gateway, whose proof cannot be checked now: its own address is nobody's.
            Err(_) => None,
        }))
    }
}
