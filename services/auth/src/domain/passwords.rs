//! Passwords: hashed at the same cost whether the account exists or not, and never more at once than there are cores.
//!
//! Hashing takes ~30 ms of a core and 19 MiB. Unbounded it would starve everything else of both, so each hash takes a
//! turn; when the queue for turns is full the caller is told to come back.

use super::hashes::{Memory, hash, verify};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("too many logins at once")]
pub struct Busy;

#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Turns plus waiting places: whoever gets none is sent away.
    places: Arc<Semaphore>,
    /// What turns that have ended have worked in.
    memories: Arc<Mutex<Vec<Memory>>>,
    dummy: Arc<str>,
}

/// The right to hash, one at a time. Kept over several steps, given back when dropped.
pub struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
    memory: Memory,
    memories: Arc<Mutex<Vec<Memory>>>,
    dummy: Arc<str>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        self.memories.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Matches {
        /// The stored hash is of an older kind or cost: replace it by this one.
        better: Option<String>,
    },
    Differs,
    /// What is stored is no hash that can be verified, for this reason: nobody signs in with it.
    Unusable {
        reason: String,
    },
}

impl Passwords {
    pub fn new(at_once: usize, waiting: usize) -> Self {
        let mut memory = Memory::default();
        Self {
            turns: Arc::new(Semaphore::new(at_once)),
            places: Arc::new(Semaphore::new(at_once + waiting)),
            dummy: hash("a password that nobody has", &mut memory).into(),
            memories: Arc::new(Mutex::new(vec![memory])),
        }
    }

    pub async fn turn(&self) -> Result<Turn, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Busy)?;
        let memories = Arc::clone(&self.memories);
        // There are never more than turns at once.
        let memory = memories.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        Ok(Turn { _place: place, _turn: turn, memory, memories, dummy: Arc::clone(&self.dummy) })
    }
}

impl Turn {
    /// Compares; without a stored hash it does the same work and says no.
    pub async fn verify(mut self, password: String, stored: Option<String>) -> (Self, Outcome) {
        // The turn moves along: should the caller be gone, its core is still counted until the work is done.
        let work = move || {
            let outcome = verify(&password, stored.as_deref(), &self.dummy, &mut self.memory);
            (self, outcome)
        };
        tokio::task::spawn_blocking(work).await.expect("hashing does not panic")
    }

    pub async fn hash(mut self, password: String) -> (Self, String) {
        let work = move || {
            let hashed = hash(&password, &mut self.memory);
            (self, hashed)
        };
        tokio::task::spawn_blocking(work).await.expect("hashing does not panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
