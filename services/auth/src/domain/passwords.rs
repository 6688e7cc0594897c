//! Passwords: argon2id, at the same cost whether the account exists or not, and never more at once than there are cores.
//!
//! Hashing takes ~30 ms of a core and 19 MiB. Unbounded it would starve everything else of both, so each hash takes a
//! turn; when the queue for turns is full the caller is told to come back.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("too many logins at once")]
pub struct Busy;

#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Turns plus waiting places: whoever gets none is sent away.
    places: Arc<Semaphore>,
    dummy: Arc<str>,
}

/// The right to hash, one at a time. Kept over several steps, given back when dropped.
pub struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
    dummy: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Matches {
        /// The stored hash is of an older kind or cost: replace it by this one.
        better: Option<String>,
    },
    Differs,
}

impl Passwords {
    pub fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(at_once)),
            places: Arc::new(Semaphore::new(at_once + waiting)),
            dummy: hash("a password that nobody has").into(),
        }
    }

    pub async fn turn(&self) -> Result<Turn, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Busy)?;
        Ok(Turn { _place: place, _turn: turn, dummy: Arc::clone(&self.dummy) })
    }
}

impl Turn {
    /// Compares; without a stored hash it does the same work and says no.
    pub async fn verify(self, password: String, stored: Option<String>) -> (Self, Outcome) {
        // The turn moves along: should the caller be gone, its core is still counted until the work is done.
        let work = move || {
            let outcome = verify(&password, stored.as_deref(), &self.dummy);
            (self, outcome)
        };
        tokio::task::spawn_blocking(work).await.expect("hashing does not panic")
    }

    pub async fn hash(self, password: String) -> (Self, String) {
        let work = move || {
            let hashed = hash(&password);
            (self, hashed)
        };
        tokio::task::spawn_blocking(work).await.expect("hashing does not panic")
    }
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("constant parameters in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> String {
    argon2id().hash_password(password.as_bytes()).expect("a salt of the right length").to_string()
}

fn verify(password: &str, stored: Option<&str>, dummy: &str) -> Outcome {
    // What can't be read is treated as nobody's, at the same cost. Here bcrypt's `$2b$` will be told apart, verified by
    // its own rule, and upgraded through `better`.
    let known = stored.and_then(|s| PasswordHash::new(s).ok());
    let dummy = PasswordHash::new(dummy).expect("made by `hash`");
    let matches = argon2id().verify_password(password.as_bytes(), known.as_ref().unwrap_or(&dummy)).is_ok();
    match known {
        Some(stored) if matches => {
            Outcome::Matches { better: (!is_current(&stored)).then(|| hash(password)) }
        }
        _ => Outcome::Differs,
    }
}

fn is_current(stored: &PasswordHash) -> bool {
    let parameter = |name| stored.params.get_decimal(name);
    stored.algorithm == Algorithm::Argon2id.ident()
        && (parameter("m"), parameter("t"), parameter("p")) == (Some(MEMORY_KIB), Some(PASSES), Some(LANES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_its_cost_and_verifies_only_its_password() {
        let stored = hash("correct horse");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let dummy = hash("dummy");
        assert_eq!(verify("correct horse", Some(&stored), &dummy), Outcome::Matches { better: None });
        assert_eq!(verify("wrong horse", Some(&stored), &dummy), Outcome::Differs);
    }

    #[test]
    fn nobody_knows_the_dummy_password() {
        let dummy = hash("dummy");
        assert_eq!(verify("dummy", None, &dummy), Outcome::Differs);
        assert_eq!(verify("dummy", Some("not a hash"), &dummy), Outcome::Differs);
    }

    #[test]
    fn a_cheaper_hash_is_accepted_and_replaced() {
        let params = Params::new(8, 1, 1, None).unwrap();
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(b"secret").unwrap();
        let Outcome::Matches { better: Some(better) } =
            verify("secret", Some(&old.to_string()), &hash("dummy"))
        else {
            panic!("accepted, with a better hash");
        };
        assert_eq!(verify("secret", Some(&better), &hash("dummy")), Outcome::Matches { better: None });
    }

    #[tokio::test]
    async fn no_more_hash_at_once_than_allowed_and_no_more_wait_than_there_are_places() {
        let passwords = Passwords::new(1, 1);
        let first = passwords.turn().await.unwrap();
        let mut second = Box::pin(passwords.turn());
        assert!(still_waits(&mut second).await, "the second waits");
        assert_eq!(passwords.turn().await.err(), Some(Busy), "the third is sent away");
        drop(first);
        second.await.unwrap();
    }

    /// Whether the future is still waiting after one poll.
    async fn still_waits<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
        })
        .await
    }
}
