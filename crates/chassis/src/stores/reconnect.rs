//! How long to wait before the next attempt: short at first, never long, never all at once.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// Between half of the step and the whole, so that replicas that lost the same store come back spread out.
    pub(crate) async fn wait(&mut self) {
        let step = self.next;
        self.next = (step * 2).min(LONGEST);
        let share = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 255.0;
        tokio::time::sleep(step.mul_f64(0.5 + share / 2.0)).await;
    }
}
