//! Which platforms wait to be looked at, and since when. A platform waits once however much happens to it, as in the
//! work queues of other operators.

use super::QUEUE_WAIT;
use crate::controller::cache::Key;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

#[derive(Default)]
pub struct Waiting(Mutex<HashMap<Key, Instant>>);

impl Waiting {
    /// Something happened to a platform.
    pub fn begins(&self, key: &Key) {
        self.lock().entry(key.clone()).or_insert_with(Instant::now);
    }

    /// A reconcile of it starts. What comes from now on waits for the next one.
    pub fn ends(&self, key: &Key) {
        let since = self.lock().remove(key);
        // None: nothing happened, it was time to look again.
        if let Some(since) = since {
            metrics::histogram!(QUEUE_WAIT).record(since.elapsed());
        }
    }

    /// It is gone: there is nothing to look at.
    pub fn forget(&self, key: &Key) {
        self.lock().remove(key);
    }

    pub fn depth(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Waiting};

    #[test]
    fn a_platform_waits_once_until_it_is_looked_at_or_gone() {
        let (waiting, key) =
            (Waiting::default(), |name: &str| Key { namespace: "n".into(), name: name.into() });
        for name in ["a", "b", "a", "c"] {
            waiting.begins(&key(name));
        }
        assert_eq!(waiting.depth(), 3);
        waiting.ends(&key("a"));
        waiting.forget(&key("b"));
        assert_eq!(waiting.depth(), 1);
        waiting.begins(&key("a"));
        assert_eq!(waiting.depth(), 2);
    }
}
