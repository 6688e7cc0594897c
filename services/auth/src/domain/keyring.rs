//! The signing keys in memory: the one that signs, those that verify, and the set that is published.

use super::rotation::KeyStatus;
use super::sealing::{DoesNotOpen, MasterKey};
use crate::store::signing_keys::{NewKey, SigningKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PURPOSE: &str = "orion signing keys v1";

pub struct Keyring {
    pub kid: String,
    pub signer: EncodingKey,
    /// Every key that can verify: also the one that will sign next and those that signed last.
    pub jwks: Value,
    pub published: JwkSet,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyringError {
    #[error("there is no active signing key")]
    NoneActive,
    #[error(
        "signing key {kid} was sealed with key {sealed_with}, but ORION_KEY_ENCRYPTION_KEY is key {have}: \
         give the old key back, or delete the row from signing_keys (every access token ends)"
    )]
    Sealed { kid: String, sealed_with: String, have: String },
}

impl Keyring {
    pub fn open(keys: &[SigningKey], master: &MasterKey) -> Result<Self, KeyringError> {
        let active = keys.iter().find(|k| k.status() == KeyStatus::Active).ok_or(KeyringError::NoneActive)?;
        let private = master.open(PURPOSE, &active.kid, &active.private_key).map_err(|DoesNotOpen| {
            KeyringError::Sealed {
                kid: active.kid.clone(),
                sealed_with: active.sealed_with.clone(),
                have: master.id().to_owned(),
            }
        })?;
        let published: Vec<Value> = keys.iter().map(|k| public_jwk(&k.kid, &k.public_key)).collect();
        let jwks = json!({ "keys": published });
        Ok(Self {
            kid: active.kid.clone(),
            signer: EncodingKey::from_ed_der(&private),
            published: serde_json::from_value(jwks.clone()).expect("made by `public_jwk`"),
            jwks,
        })
    }
}

/// A fresh Ed25519 key, sealed, named by its RFC 7638 thumbprint.
pub fn generate(master: &MasterKey) -> NewKey {
    let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())
        .expect("the system gives randomness");
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("just made");
    let public_key = pair.public_key().as_ref().to_vec();
    let kid = thumbprint(&public_key);
    NewKey {
        private_key: master.seal(PURPOSE, &kid, document.as_ref()),
        sealed_with: master.id().to_owned(),
        public_key,
        kid,
    }
}

fn public_jwk(kid: &str, public_key: &[u8]) -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
        "kid": kid, "x": URL_SAFE_NO_PAD.encode(public_key),
    })
}

fn thumbprint(public_key: &[u8]) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(public_key));
    URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_key_is_its_rfc_7638_thumbprint() {
        // The key and thumbprint of RFC 8037, appendix A.3.
        let public = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(thumbprint(&public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
