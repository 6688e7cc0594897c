//! When signing keys are made, begin to sign, retire and go. Pure: facts and a clock reading in, the next step out.
//!
//! A key is published for a while before it signs, so that every verifier has it by then, and stays published after it
//! retired until nothing it signed can be alive.

use jiff::{SignedDuration, Timestamp};

#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How long a key signs.
    pub lifetime: SignedDuration,
    /// How long a key is published before it signs.
    pub publish_ahead: SignedDuration,
    /// How long a key is published after it retired: at least the life of an access token.
    pub keep_retired: SignedDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    Pending,
    Active,
    Retired,
}

#[derive(Clone, Debug)]
pub struct KeyFacts {
    pub kid: String,
    pub status: KeyStatus,
    pub created_at: Timestamp,
    pub activated_at: Option<Timestamp>,
    pub retired_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The very first key signs at once: nobody has cached a set without it.
    CreateActive,
    CreatePending,
    /// The active key retires and this one signs.
    Promote(String),
    Remove(String),
}

/// The one thing to do now, if any. Asked again after each step.
pub fn next_step(keys: &[KeyFacts], now: Timestamp, schedule: &Schedule) -> Option<Step> {
    let pending = keys.iter().find(|k| k.status == KeyStatus::Pending);
    let Some(active) = keys.iter().find(|k| k.status == KeyStatus::Active) else {
        return Some(pending.map_or(Step::CreateActive, |p| Step::Promote(p.kid.clone())));
    };
    let signed_for = now.duration_since(active.activated_at.unwrap_or(active.created_at));
    match pending {
        None if signed_for >= schedule.lifetime - schedule.publish_ahead => return Some(Step::CreatePending),
        Some(p)
            if signed_for >= schedule.lifetime
                && now.duration_since(p.created_at) >= schedule.publish_ahead =>
        {
            return Some(Step::Promote(p.kid.clone()));
        }
        _ => {}
    }
    keys.iter()
        .filter(|k| k.status == KeyStatus::Retired)
        .find(|k| now.duration_since(k.retired_at.unwrap_or(k.created_at)) >= schedule.keep_retired)
        .map(|k| Step::Remove(k.kid.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule {
        lifetime: SignedDuration::from_hours(24 * 30),
        publish_ahead: SignedDuration::from_hours(24),
        keep_retired: SignedDuration::from_hours(1),
    };

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    /// Plays the schedule from nothing, hour by hour, and tells what happened when.
    fn play(hours: impl IntoIterator<Item = i64>) -> Vec<(i64, Step)> {
        let (mut keys, mut history): (Vec<KeyFacts>, _) = (vec![], vec![]);
        for hour in hours {
            while let Some(step) = next_step(&keys, at(hour), &SCHEDULE) {
                let made = |status, activated_at| KeyFacts {
                    kid: format!("k{hour}"),
                    status,
                    created_at: at(hour),
                    activated_at,
                    retired_at: None,
                };
                match &step {
                    Step::CreateActive => keys.push(made(KeyStatus::Active, Some(at(hour)))),
                    Step::CreatePending => keys.push(made(KeyStatus::Pending, None)),
                    Step::Promote(kid) => keys.iter_mut().for_each(|k| {
                        if k.status == KeyStatus::Active {
                            (k.status, k.retired_at) = (KeyStatus::Retired, Some(at(hour)));
                        }
                        if k.kid == *kid {
                            (k.status, k.activated_at) = (KeyStatus::Active, Some(at(hour)));
                        }
                    }),
                    Step::Remove(kid) => keys.retain(|k| k.kid != *kid),
                }
                history.push((hour, step));
            }
        }
        history
    }

    #[test]
    fn the_next_key_is_published_a_day_before_it_signs_and_the_last_outlives_its_tokens() {
        let expected = [
            (0, Step::CreateActive),
            (29 * 24, Step::CreatePending),
            (30 * 24, Step::Promote("k696".into())),
            (30 * 24 + 1, Step::Remove("k0".into())),
        ];
        assert_eq!(play(0..=31 * 24), expected);
    }

    #[test]
    fn after_a_long_stop_the_next_key_is_still_published_first() {
        let expected = [
            (0, Step::CreateActive),
            (5000, Step::CreatePending),
            (5024, Step::Promote("k5000".into())),
            (5025, Step::Remove("k0".into())),
        ];
        assert_eq!(play([0, 5000, 5001, 5024, 5025]), expected);
    }
}
