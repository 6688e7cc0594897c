//! Waiting for what happens by itself: until it has, however long that takes on a busy machine.

use std::future::Future;
use std::time::{Duration, Instant};

/// A test that waits longer has failed; no test passes or fails by being a little slower.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until there is an answer, and panics with `what` if there never is.
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
