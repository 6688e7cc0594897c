//! People with access tokens, good and bad, for services that verify them.

use aws_lc_rs::signature::Ed25519KeyPair;
use contracts::{AccessClaims, TOKEN_AUDIENCE, TOKEN_TYPE};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use uuid::Uuid;

/// Somebody who signs access tokens as auth does.
#[derive(Clone)]
pub struct People {
    issuer: String,
    key: EncodingKey,
    jwk: Jwk,
}

impl People {
    pub fn new(issuer: &str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("randomness is there");
        let document = pair.to_pkcs8v1().expect("a new key can be written");
        let key = EncodingKey::from_ed_der(document.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).expect("a key has a public half");
        jwk.common.key_id = Some(Uuid::new_v4().to_string());
        Self { issuer: issuer.to_owned(), key, jwk }
    }

    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: vec![self.jwk.clone()] }
    }

    pub fn kid(&self) -> String {
        self.jwk.common.key_id.clone().expect("it was given one")
    }

    /// Claims as auth makes them, for a new person, valid from now on for 15 minutes.
    pub fn claims(&self) -> AccessClaims {
        let now = Timestamp::now().as_second();
        AccessClaims {
            iss: self.issuer.clone(),
            aud: TOKEN_AUDIENCE.to_owned(),
            sub: contracts::new_id(),
            exp: now + 900,
            iat: now,
            nbf: now,
            jti: contracts::new_id(),
            sid: contracts::new_id(),
            ver: 1,
            roles: vec!["user".to_owned()],
            email: "ada@example.com".to_owned(),
        }
    }

    pub fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = self.jwk.common.key_id.clone();
        header
    }

    /// A good token, or one with whatever was done to the claims.
    pub fn token(&self, change: impl FnOnce(&mut AccessClaims)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        self.sign(&self.header(), &claims)
    }

    /// Signed with the right key, whatever it says.
    pub fn sign(&self, header: &Header, claims: &impl Serialize) -> String {
        encode(header, claims, &self.key).expect("claims can be signed")
    }
}

/// A place that publishes these keys as auth does, and answers auth's health path: a peer for services that need no
/// more of auth than that.
pub async fn serve_jwks(people: &People) -> String {
    use axum::routing::get;
    let keys = people.jwks();
    let health = catalog::service("auth").expect("the catalog has auth").health_path;
    let routes = axum::Router::new()
        .route("/.well-known/jwks.json", get(move || async move { axum::Json(keys) }))
        .route(health, get(async || "ok"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}
