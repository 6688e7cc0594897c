//! Where a request came from, as far as it can be believed.

use crate::domain::origin::Origin;
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use chassis::Problem;
use chassis::http::ClientAddress;

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let ClientAddress(ip) = ClientAddress::from_request_parts(parts, state).await?;
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self::new(ip, user_agent))
    }
}
