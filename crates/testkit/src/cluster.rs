//! What a cluster gives its pods: a name for the platform, service tokens, and the keys to check them with.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::env::Env;
use crate::people::People;

pub(crate) const PLATFORM: &str = "orion";
pub(crate) const NAMESPACE: &str = "test";
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Shared by the services of one test. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    key: EncodingKey,
    kid: String,
    folder: TempDir,
    people: People,
}

impl Cluster {
    #[expect(clippy::new_without_default, reason = "it makes keys and a folder: nothing of a default")]
    pub fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("randomness is there");
        let document = pair.to_pkcs8v1().expect("a new key can be written");
        let key = EncodingKey::from_ec_der(document.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a key has a public half");
        let kid = uuid::Uuid::new_v4().to_string();
        jwk.common.key_id = Some(kid.clone());
        let folder = tempfile::tempdir().expect("a folder can be made");
        let keys = json!({"issuer": ISSUER, "keys": [jwk]});
        fs::write(folder.path().join("callers.json"), keys.to_string()).expect("a file can be written");
        Self(Arc::new(Inner { key, kid, folder, people: People::new(&token_issuer()) }))
    }

    /// A ready environment for a service, with stores of its own.
    pub async fn env(&self, service: &str) -> Env {
        Env::new(self.clone(), service).await
    }

    /// Those whose tokens services accept, unless a real auth is their peer.
    pub fn people(&self) -> &People {
        &self.0.people
    }

    /// What `caller` shows to `callee`.
    pub fn service_token(&self, caller: &str, callee: &str) -> String {
        self.service_token_with(caller, callee, |_| {})
    }

    /// The same, with something done to the claims.
    pub fn service_token_with(&self, caller: &str, callee: &str, change: impl FnOnce(&mut Value)) -> String {
        let now = Timestamp::now().as_second();
        let mut claims = json!({
            "iss": ISSUER,
            "aud": [catalog::audience(NAMESPACE, PLATFORM, callee)],
            "sub": catalog::service_account_subject(NAMESPACE, PLATFORM, caller),
            "exp": now + 3600, "iat": now, "nbf": now,
        });
        change(&mut claims);
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.0.kid.clone());
        encode(&header, &claims, &self.0.key).expect("claims can be signed")
    }

    pub(crate) fn caller_keys_file(&self) -> PathBuf {
        self.0.folder.path().join("callers.json")
    }

    /// The folder that a pod of `service` has its tokens in.
    pub(crate) fn tokens_folder(&self, service: &catalog::Service) -> PathBuf {
        let folder = self.0.folder.path().join(service.name);
        fs::create_dir_all(&folder).expect("a folder can be made");
        for callee in service.calls {
            fs::write(folder.join(callee), self.service_token(service.name, callee))
                .expect("a file can be written");
        }
        folder
    }
}

pub(crate) fn token_issuer() -> String {
    format!("urn:orion:{NAMESPACE}:{PLATFORM}")
}
