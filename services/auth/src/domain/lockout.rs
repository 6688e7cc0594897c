//! How failed logins close the door: after a few tries each further one locks for twice as long, up to a limit.
//! A lock always ends by itself, and failures are forgotten after a quiet while.

use jiff::{SignedDuration, Timestamp};

/// The rule for one kind of subject (an account, an address).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The failure that locks for the first time.
    pub after: u32,
    /// The first lock; each later failure locks for twice as long.
    pub first: SignedDuration,
    /// No lock is longer than this.
    pub longest: SignedDuration,
    /// Without a failure for this long the count starts again.
    pub forget_after: SignedDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    pub failures: u32,
    pub last_failure_at: Timestamp,
    pub locked_until: Option<Timestamp>,
}

impl Counter {
    /// How long the door stays shut, if it is.
    pub fn locked_for(&self, now: Timestamp) -> Option<SignedDuration> {
        self.locked_until.filter(|until| *until > now).map(|until| until.duration_since(now))
    }
}

impl Policy {
    pub fn after_failure(&self, before: Option<Counter>, now: Timestamp) -> Counter {
        let failures = match before {
            Some(c) if now.duration_since(c.last_failure_at) < self.forget_after => {
                c.failures.saturating_add(1)
            }
            _ => 1,
        };
        Counter { failures, last_failure_at: now, locked_until: self.lock(failures).map(|d| now + d) }
    }

    fn lock(&self, failures: u32) -> Option<SignedDuration> {
        let beyond = failures.checked_sub(self.after)?;
        let doubled = 1_i32.checked_shl(beyond.min(30)).unwrap_or(i32::MAX);
        Some(self.first.checked_mul(doubled).unwrap_or(self.longest).min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        after: 5,
        first: SignedDuration::from_secs(30),
        longest: SignedDuration::from_mins(15),
        forget_after: SignedDuration::from_hours(1),
    };

    fn fail(times: u32, every: SignedDuration) -> Vec<Option<i64>> {
        let mut now = Timestamp::UNIX_EPOCH;
        let mut counter = None;
        (0..times)
            .map(|_| {
                let next = POLICY.after_failure(counter, now);
                let lock = next.locked_for(now).map(|d| d.as_secs());
                counter = Some(next);
                now += every;
                lock
            })
            .collect()
    }

    #[test]
    fn the_first_failures_lock_nothing_then_each_lock_is_twice_the_last_up_to_the_limit() {
        let locks = fail(12, SignedDuration::from_mins(20));
        assert_eq!(locks[..4], [None; 4]);
        assert_eq!(locks[4..], [30, 60, 120, 240, 480, 900, 900, 900].map(Some));
    }

    #[test]
    fn any_number_of_failures_still_ends() {
        let worn = Counter { failures: u32::MAX, last_failure_at: Timestamp::UNIX_EPOCH, locked_until: None };
        let next = POLICY.after_failure(Some(worn), Timestamp::UNIX_EPOCH);
        assert_eq!(next.locked_for(Timestamp::UNIX_EPOCH), Some(POLICY.longest));
        assert_eq!(next.locked_for(Timestamp::UNIX_EPOCH + POLICY.longest), None);
    }

    #[test]
    fn a_quiet_while_forgets_what_was() {
        assert_eq!(fail(8, SignedDuration::from_hours(1)), [None; 8]);
    }
}
