//! Repeating a registration without registering twice.
//!
//! The request holds a password, and a plain hash of it in the database would help to guess that password. So the row
//! is named by the key's hash, and the request is remembered as a MAC under the key itself, which is stored nowhere.

use aws_lc_rs::{digest, hmac};

/// Shorter keys could be guessed, and two clients could meet on one.
const LEAST: usize = 16;
const MOST: usize = 128;

/// A client's `Idempotency-Key`.
pub struct Key(String);

/// What is kept of a key and a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub key_hash: Vec<u8>,
    pub request_mac: Vec<u8>,
}

impl Key {
    /// None when the key is too short, too long or not printable ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic());
        (plain && (LEAST..=MOST).contains(&text.len())).then(|| Key(text.to_owned()))
    }

    /// What to keep for a request, given as the parts in which two requests can differ.
    pub fn remember(&self, parts: &[&str]) -> Remembered {
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes()));
        for part in parts {
            // With its length each part stays itself: "ab","c" is not "a","bc".
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mut named = digest::Context::new(&digest::SHA256);
        named.update(b"orion registration ");
        named.update(self.0.as_bytes());
        Remembered { key_hash: named.finish().as_ref().to_vec(), request_mac: mac.sign().as_ref().to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_enough_not_to_be_guessed() {
        assert!(Key::parse("0198c2f4-7e2a-7cc1-9d1b-1f8a4ab0c0de").is_some());
        for bad in ["", "short", "has a space in it", "ключ-ключ-ключ-ключ", &"x".repeat(129)]
        {
            assert!(Key::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn another_request_or_another_key_is_remembered_differently() {
        let key = Key::parse("0123456789abcdef").expect("a key");
        let other = Key::parse("0123456789abcdeX").expect("a key");
        assert_eq!(key.remember(&["ab", "c"]), key.remember(&["ab", "c"]));
        assert_ne!(key.remember(&["ab", "c"]).request_mac, key.remember(&["a", "bc"]).request_mac);
        assert_ne!(key.remember(&["ab", "c"]).request_mac, other.remember(&["ab", "c"]).request_mac);
        assert_ne!(key.remember(&["ab", "c"]).key_hash, other.remember(&["ab", "c"]).key_hash);
    }
}
