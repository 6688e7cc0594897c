//! Whether this operator leads, as everything that writes asks.

use super::DEADLINE;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// Whether this operator may write. Cheap to ask, so that it is asked before every write.
#[derive(Clone)]
pub struct Leadership {
    began: Instant,
    /// Milliseconds after `began` until which this operator leads.
    until: Arc<AtomicU64>,
}

impl Leadership {
    pub fn none() -> Self {
        Self { began: Instant::now(), until: Arc::new(AtomicU64::new(0)) }
    }

    /// For an operator that is alone by other means.
    pub fn always() -> Self {
        let leadership = Self::none();
        leadership.until.store(u64::MAX, Ordering::Release);
        leadership
    }

    pub fn held(&self) -> bool {
        let now = self.began.elapsed().as_millis();
        now < u128::from(self.until.load(Ordering::Acquire))
    }

    pub(super) fn extend(&self, from: Instant) {
        let until = (from + DEADLINE).duration_since(self.began).as_millis();
        self.until.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Release);
    }

    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Release);
    }
}
