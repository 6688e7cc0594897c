//! Secrets at rest are sealed with AES-256-GCM under the platform's key, which never enters the database.
//!
//! Each use has its own key, derived from that one, and what a secret belongs to is bound in as additional data:
//! a sealed value copied into another row does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The master key, `ORION_KEY_ENCRYPTION_KEY`: 32 bytes.
pub struct MasterKey {
    derive: Prk,
    id: String,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    #[error("is not base64: make one with `openssl rand -base64 32`")]
    NotBase64,
    #[error("has {0} bytes instead of 32: make one with `openssl rand -base64 32`")]
    WrongLength(usize),
}

/// The sealed value was made with another key or for another owner, or was altered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the sealed value does not open with this key for this owner")]
pub struct DoesNotOpen;

impl MasterKey {
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| KeyError::NotBase64)?;
        if bytes.len() != 32 {
            return Err(KeyError::WrongLength(bytes.len()));
        }
        let id: String = Sha256::digest([b"orion key id ", bytes.as_slice()].concat())[..8]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        Ok(Self { derive: Salt::new(HKDF_SHA256, b"orion auth").extract(&bytes), id })
    }

    /// Names the key without telling anything about it; stored beside what it sealed.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn seal(&self, purpose: &'static str, owner: &str, secret: &[u8]) -> Vec<u8> {
        let key = self.sealing_key(purpose);
        let mut sealed = secret.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(owner.as_bytes()), &mut sealed)
            .expect("AES-GCM seals anything shorter than 64 GiB");
        [nonce.as_ref().as_slice(), &sealed].concat()
    }

    pub fn open(&self, purpose: &'static str, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, DoesNotOpen> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
        let mut opened = rest.to_vec();
        let length = self
            .sealing_key(purpose)
            .open_in_place(nonce, Aad::from(owner.as_bytes()), &mut opened)
            .map_err(|_| DoesNotOpen)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }

    /// A key for message authentication that only this master key gives.
    pub fn hmac_key(&self, purpose: &'static str) -> hmac::Key {
        self.expand(purpose, hmac::HMAC_SHA256, |okm| hmac::Key::from(okm))
    }

    fn sealing_key(&self, purpose: &'static str) -> RandomizedNonceKey {
        let mut bytes = [0_u8; 32];
        self.expand(purpose, ThirtyTwo, |okm| okm.fill(&mut bytes).expect("as long as was asked for"));
        RandomizedNonceKey::new(&AES_256_GCM, &bytes).expect("32 bytes are an AES-256 key")
    }

    fn expand<L: KeyType, T>(
        &self,
        purpose: &'static str,
        length: L,
        take: impl FnOnce(aws_lc_rs::hkdf::Okm<'_, L>) -> T,
    ) -> T {
        take(self.derive.expand(&[purpose.as_bytes()], length).expect("HKDF gives up to 255 blocks"))
    }
}

struct ThirtyTwo;

impl KeyType for ThirtyTwo {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey::from_base64(&STANDARD.encode([byte; 32])).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_with_its_key_purpose_and_owner() {
        let sealed = key(1).seal("signing keys", "kid-1", b"secret");
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        assert_eq!(key(1).open("signing keys", "kid-1", &sealed).unwrap(), b"secret");
        assert_eq!(key(1).open("signing keys", "kid-2", &sealed), Err(DoesNotOpen));
        assert_eq!(key(1).open("something else", "kid-1", &sealed), Err(DoesNotOpen));
        assert_eq!(key(2).open("signing keys", "kid-1", &sealed), Err(DoesNotOpen));
        assert_eq!(key(1).open("signing keys", "kid-1", &sealed[..5]), Err(DoesNotOpen));
    }

    #[test]
    fn an_altered_value_does_not_open() {
        let mut sealed = key(1).seal("signing keys", "kid-1", b"secret");
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(key(1).open("signing keys", "kid-1", &sealed), Err(DoesNotOpen));
    }

    #[test]
    fn a_key_of_the_wrong_shape_is_refused_with_what_to_do() {
        assert!(MasterKey::from_base64("not base64!").err().unwrap().to_string().contains("openssl"));
        assert_eq!(MasterKey::from_base64("AAAA").err(), Some(KeyError::WrongLength(3)));
        assert_ne!(key(1).id(), key(2).id());
    }
}
