//! People: access tokens of auth, verified by every service for itself.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use contracts::{AccessClaims, TOKEN_AUDIENCE, TOKEN_TYPE, problem};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::JwkSet;
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use super::keys::{KeyStore, Published, Source};
use super::verify::{Expected, Lifetime, TokenError, verify};
use crate::Chassis;
use crate::clock::Clock;
use crate::problem::Problem;

const JWKS_PATH: &str = "/.well-known/jwks.json";

impl Lifetime for AccessClaims {
    fn expires(&self) -> i64 {
        self.exp
    }

    fn not_before(&self) -> Option<i64> {
        Some(self.nbf)
    }
}

/// Verifies access tokens.
#[derive(Clone)]
pub struct Tokens {
    issuer: String,
    keys: Arc<KeyStore>,
    clock: Clock,
}

impl Tokens {
    /// With auth's address, its keys are read in the background; without, `publish` hands them in.
    pub fn new(issuer: String, auth: Option<(Url, reqwest::Client)>, clock: Clock) -> Self {
        let source = auth.map(|(auth, client)| remote(&auth, client));
        Self { issuer, keys: KeyStore::new("access tokens", &[Algorithm::EdDSA], source), clock }
    }

    /// The keys of whoever signs tokens himself: auth calls this at its start and whenever a key comes or goes.
    pub fn publish(&self, keys: JwkSet) {
        self.keys.publish(&Published { issuer: None, keys });
    }

    pub async fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        let expected =
            Expected { token_type: Some(TOKEN_TYPE), issuer: Some(&self.issuer), audience: TOKEN_AUDIENCE };
        verify(token, &self.keys, &expected, &self.clock).await
    }

    /// The token of `authorization: Bearer …`, verified.
    pub async fn of_headers(&self, headers: &HeaderMap) -> Result<AccessClaims, TokenError> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(TokenError::Missing)?;
        if values.next().is_some() {
            return Err(TokenError::Invalid("there are several"));
        }
        let text = value.to_str().map_err(|_| TokenError::Invalid("it cannot be read"))?;
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => self.verify(token.trim()).await,
            _ => Err(TokenError::Invalid("it is not a bearer token")),
        }
    }

    pub(crate) async fn keep_keys(self, stop: CancellationToken) {
        self.keys.keep(stop).await;
    }
}

fn remote(auth: &Url, client: reqwest::Client) -> Source {
    let url = format!("{}{JWKS_PATH}", auth.as_str().trim_end_matches('/'));
    Box::new(move || {
        let request = client.get(&url).timeout(Duration::from_secs(2));
        Box::pin(async move {
            let answer = request.send().await.and_then(reqwest::Response::error_for_status);
            let keys = match answer {
                Ok(answer) => answer.json::<JwkSet>().await,
                Err(error) => Err(error),
            };
            let keys = keys.map_err(|error| crate::peer::reason(&error))?;
            Ok(Published { issuer: None, keys })
        })
    })
}

/// The person who asks. A route that has it in its arguments is for people with a valid access token.
#[derive(Clone, Debug)]
pub struct Person(pub AccessClaims);

impl Deref for Person {
    type Target = AccessClaims;

    fn deref(&self) -> &AccessClaims {
        &self.0
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Missing => Self::new(problem::UNAUTHENTICATED),
            TokenError::NoKeys => Self::unavailable("the keys of access tokens are not known yet"),
            TokenError::NotAllowed => Self::new(problem::FORBIDDEN),
            TokenError::Invalid(_) | TokenError::Expired => Self::new(problem::INVALID_TOKEN)
                .detail(error.to_string())
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\"")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let chassis = Chassis::of(parts)?;
        Ok(Self(chassis.tokens().of_headers(&parts.headers).await?))
    }
}

/// Nobody, if no token was sent; a token that is not valid is refused all the same.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let chassis = Chassis::of(parts)?;
        match chassis.tokens().of_headers(&parts.headers).await {
            Ok(claims) => Ok(Some(Self(claims))),
            Err(TokenError::Missing) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
