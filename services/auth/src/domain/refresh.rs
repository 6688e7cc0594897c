//! Refresh tokens: opaque, rotated at each use, of one family a session.
//!
//! The successor of a token is derived from it, so that two tabs racing with the same token get the same successor
//! although the database keeps only hashes. Deriving it takes the token itself, the successor's id and a key that only
//! the service has: neither a stolen token nor a copy of the database is enough.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Told apart from access tokens at a glance, and found by secret scanners.
const PREFIX: &str = "ort_";
/// What the key for successors is derived for.
pub const PURPOSE: &str = "orion refresh token successor v1";

#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// The first of a family. The randomness is handed in.
    pub fn first(random: [u8; 32]) -> Self {
        Self::of(&random)
    }

    /// A token as a client sent it; `None` for what can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    pub fn successor(&self, key: &hmac::Key, id: Uuid) -> Self {
        let mut context = hmac::Context::with_key(key);
        context.update(id.as_bytes());
        context.update(self.0.as_bytes());
        Self::of(context.sign().as_ref())
    }

    /// What is stored and looked up.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn of(bytes: &[u8]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    Rotated { at: Timestamp },
    Revoked,
}

/// What is known of a presented token.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    pub status: Status,
    pub expires_at: Timestamp,
    pub session_revoked: bool,
    /// Whether the token that replaced it is itself still unused.
    pub successor_unused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Replace it.
    Rotate,
    /// A racing tab: give the successor that the other tab got.
    SameSuccessor,
    Expired,
    Revoked,
    /// Somebody else has it too: end the whole family.
    Reused,
}

pub fn judge(token: &Presented, now: Timestamp, grace: SignedDuration) -> Verdict {
    if token.session_revoked || token.status == Status::Revoked {
        return Verdict::Revoked;
    }
    if token.expires_at <= now {
        return Verdict::Expired;
    }
    match token.status {
        Status::Rotated { at } if token.successor_unused && now.duration_since(at) <= grace => {
            Verdict::SameSuccessor
        }
        Status::Rotated { .. } => Verdict::Reused,
        _ => Verdict::Rotate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: SignedDuration = SignedDuration::from_secs(10);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn presented(status: Status) -> Presented {
        Presented { status, expires_at: at(1000), session_revoked: false, successor_unused: true }
    }

    #[test]
    fn an_active_token_is_rotated_until_it_expires() {
        assert_eq!(judge(&presented(Status::Active), at(999), GRACE), Verdict::Rotate);
        assert_eq!(judge(&presented(Status::Active), at(1000), GRACE), Verdict::Expired);
    }

    #[test]
    fn a_rotated_token_has_one_step_of_grace_then_it_is_reuse() {
        let rotated = presented(Status::Rotated { at: at(100) });
        assert_eq!(judge(&rotated, at(110), GRACE), Verdict::SameSuccessor);
        assert_eq!(judge(&rotated, at(111), GRACE), Verdict::Reused);
        let two_steps = Presented { successor_unused: false, ..rotated };
        assert_eq!(judge(&two_steps, at(101), GRACE), Verdict::Reused);
    }

    #[test]
    fn what_was_revoked_stays_revoked_and_raises_no_second_alarm() {
        assert_eq!(judge(&presented(Status::Revoked), at(1), GRACE), Verdict::Revoked);
        let of_an_ended_session =
            Presented { session_revoked: true, ..presented(Status::Rotated { at: at(0) }) };
        assert_eq!(judge(&of_an_ended_session, at(500), GRACE), Verdict::Revoked);
    }

    #[test]
    fn a_successor_follows_from_token_key_and_id_together() {
        let (key, other) = (hmac::Key::new(hmac::HMAC_SHA256, &[1]), hmac::Key::new(hmac::HMAC_SHA256, &[2]));
        let (token, id) = (RefreshToken::first([7; 32]), Uuid::from_u128(1));
        let successor = token.successor(&key, id);
        assert!(successor == token.successor(&key, id));
        assert!(successor != token.successor(&other, id));
        assert!(successor != token.successor(&key, Uuid::from_u128(2)));
        assert!(RefreshToken::parse(successor.reveal()).is_some());
    }

    #[test]
    fn what_cannot_be_a_token_is_not_looked_up() {
        for text in ["", "ort_", "ort_abc", "ort_****", "eyJhbGciOiJFZERTQSJ9.e30.x", &"ort_A".repeat(1000)] {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
    }
}
