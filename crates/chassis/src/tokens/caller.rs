//! Services: the cluster's ServiceAccount tokens, for those that the catalog lets call this one.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use catalog::Service;
use contracts::{SERVICE_TOKEN_HEADER, problem};
use http::HeaderMap;
use http::request::Parts;
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::keys::{KeyStore, Published, Source};
use super::verify::{Expected, Lifetime, TokenError, verify};
use crate::Chassis;
use crate::clock::Clock;
use crate::problem::Problem;

#[derive(Deserialize)]
struct ServiceAccountClaims {
    sub: String,
    exp: i64,
    nbf: Option<i64>,
}

impl Lifetime for ServiceAccountClaims {
    fn expires(&self) -> i64 {
        self.exp
    }

    fn not_before(&self) -> Option<i64> {
        self.nbf
    }
}

/// The file that the operator keeps up to date.
#[derive(Deserialize)]
struct CallerKeys {
    issuer: String,
    keys: Vec<Jwk>,
}

/// Verifies who calls.
#[derive(Clone)]
pub struct Callers {
    audience: String,
    /// The subject of each service that may call, beside it.
    allowed: Arc<Vec<(String, &'static Service)>>,
    keys: Arc<KeyStore>,
    clock: Clock,
}

impl Callers {
    pub fn new(
        service: &'static Service,
        namespace: &str,
        platform: &str,
        keys_file: Option<PathBuf>,
        clock: Clock,
    ) -> Self {
        let subject = |caller: &'static Service| {
            (catalog::service_account_subject(namespace, platform, caller.name), caller)
        };
        Self {
            audience: catalog::audience(namespace, platform, service.name),
            allowed: Arc::new(service.callers().map(subject).collect()),
            keys: KeyStore::new("service tokens", &[Algorithm::RS256, Algorithm::ES256], keys_file.map(file)),
            clock,
        }
    }

    pub async fn verify(&self, token: &str) -> Result<&'static Service, TokenError> {
        let expected = Expected { token_type: None, issuer: None, audience: &self.audience };
        let claims: ServiceAccountClaims = verify(token, &self.keys, &expected, &self.clock).await?;
        let caller = self.allowed.iter().find(|(subject, _)| *subject == claims.sub);
        caller.map(|(_, service)| *service).ok_or(TokenError::NotAllowed)
    }

    pub async fn of_headers(&self, headers: &HeaderMap) -> Result<&'static Service, TokenError> {
        let value = headers.get(SERVICE_TOKEN_HEADER).ok_or(TokenError::Missing)?;
        let token = value.to_str().map_err(|_| TokenError::Invalid("it cannot be read"))?;
        self.verify(token).await
    }

    pub(crate) async fn keep_keys(self, stop: CancellationToken) {
        self.keys.keep(stop).await;
    }
}

fn file(path: PathBuf) -> Source {
    Box::new(move || {
        let path = path.clone();
        Box::pin(async move {
            let text =
                tokio::fs::read(&path).await.map_err(|error| format!("{}: {error}", path.display()))?;
            let CallerKeys { issuer, keys } =
                serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(Published { issuer: Some(issuer), keys: JwkSet { keys } })
        })
    })
}

/// The service that calls. A route that has it in its arguments is for services that the catalog lets call.
#[derive(Clone, Copy, Debug)]
pub struct Caller(pub &'static Service);

fn refuse(error: TokenError) -> Problem {
    match error {
        TokenError::NoKeys => Problem::unavailable("the keys of service tokens are not known yet"),
        TokenError::NotAllowed => Problem::new(problem::CALLER_FORBIDDEN),
        error => {
            Problem::new(problem::CALLER_UNAUTHENTICATED).detail(format!("{SERVICE_TOKEN_HEADER}: {error}"))
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let chassis = Chassis::of(parts)?;
        chassis.callers().of_headers(&parts.headers).await.map(Self).map_err(refuse)
    }
}

/// Nobody, if no token was sent; one that is not valid is refused all the same.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let chassis = Chassis::of(parts)?;
        match chassis.callers().of_headers(&parts.headers).await {
            Ok(service) => Ok(Some(Self(service))),
            Err(TokenError::Missing) => Ok(None),
            Err(error) => Err(refuse(error)),
        }
    }
}
