//! The checks that every token passes, whoever made it.

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::de::DeserializeOwned;

use super::keys::KeyStore;
use crate::clock::Clock;

/// Clocks of two machines never agree; more would keep stolen tokens alive.
const LEEWAY_SECONDS: i64 = 5;
const LONGEST: usize = 8 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("no token was sent")]
    Missing,
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
    #[error("the token has expired")]
    Expired,
    /// Nothing can be said about any token now.
    #[error("the keys are not known yet")]
    NoKeys,
    #[error("this caller is not allowed here")]
    NotAllowed,
}

pub(crate) struct Expected<'a> {
    pub(crate) token_type: Option<&'a str>,
    /// Where the keys name their issuer, that one counts.
    pub(crate) issuer: Option<&'a str>,
    pub(crate) audience: &'a str,
}

pub(crate) trait Lifetime {
    fn expires(&self) -> i64;
    fn not_before(&self) -> Option<i64>;
}

pub(crate) async fn verify<C: DeserializeOwned + Lifetime>(
    token: &str,
    keys: &KeyStore,
    expected: &Expected<'_>,
    clock: &Clock,
) -> Result<C, TokenError> {
    if token.len() > LONGEST {
        return Err(TokenError::Invalid("it is too long"));
    }
    let header = decode_header(token).map_err(|_| TokenError::Invalid("its header cannot be read"))?;
    if header.crit.is_some() {
        return Err(TokenError::Invalid("it demands an extension that is not known"));
    }
    if let Some(wanted) = expected.token_type
        && !header.typ.as_deref().is_some_and(|typ| is_type(typ, wanted))
    {
        return Err(TokenError::Invalid("it is of another type"));
    }
    let id = header.kid.ok_or(TokenError::Invalid("it names no key"))?;
    let known = |set: &std::sync::Arc<super::keys::KeySet>| set.get(&id).is_some();
    let mut set = keys.current();
    if !set.as_ref().is_some_and(known) {
        keys.read_early().await;
        set = keys.current();
    }
    let set = set.ok_or(TokenError::NoKeys)?;
    let key = set.get(&id).ok_or(TokenError::Invalid("its key is not known"))?;
    if header.alg != key.algorithm {
        return Err(TokenError::Invalid("its algorithm is not the key's"));
    }
    let issuer = expected.issuer.or(set.issuer.as_deref()).ok_or(TokenError::NoKeys)?;
    let rules = rules(key.algorithm, issuer, expected.audience);
    let claims: C = decode(token, &key.decoding, &rules).map_err(|error| refusal(&error))?.claims;
    in_time(&claims, clock)?;
    Ok(claims)
}

fn rules(algorithm: Algorithm, issuer: &str, audience: &str) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[audience]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // By the clock that was handed in.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules
}

fn in_time(claims: &impl Lifetime, clock: &Clock) -> Result<(), TokenError> {
    let now = clock.now().as_second();
    if claims.expires().saturating_add(LEEWAY_SECONDS) <= now {
        return Err(TokenError::Expired);
    }
    if claims.not_before().is_some_and(|start| start.saturating_sub(LEEWAY_SECONDS) > now) {
        return Err(TokenError::Invalid("it is not valid yet"));
    }
    Ok(())
}

/// RFC 7515: the prefix may be left out, and case does not count.
fn is_type(typ: &str, wanted: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ) == wanted
}

fn refusal(error: &jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    TokenError::Invalid(match error.kind() {
        ErrorKind::InvalidIssuer => "its issuer is another",
        ErrorKind::InvalidAudience => "it is for somebody else",
        ErrorKind::InvalidSignature => "its signature is wrong",
        _ => "its claims cannot be read",
    })
}
