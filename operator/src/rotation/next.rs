//! The next step of each service, from what a look at the cluster shows.

use super::{Step, Turn, Wish};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use std::time::Duration;

/// The accounts of one service.
#[derive(Clone, Debug)]
pub struct Subject {
    pub service: String,
    pub turn: Turn,
    /// When its Secret was made.
    pub made: Option<Timestamp>,
    /// Its Secret holds both accounts.
    pub both: bool,
    /// Its pods are as planned, and each of them uses the account whose turn it is. None that uses the other is left,
    /// not even one that is on its way out.
    pub rolled: bool,
}

/// What holds for all of them.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    pub now: Timestamp,
    /// The stores have the accounts that the Secrets hold, and refuse the others.
    pub provisioned: bool,
    /// For longer than a tier may take, nothing of this has moved.
    pub stuck: bool,
    pub wish: Option<&'a Wish>,
    /// How old accounts may become.
    pub every: Option<Duration>,
}

/// The turns that are to be written, each in its subject's place.
pub fn next(subjects: &[Subject], situation: &Situation) -> Vec<Option<Turn>> {
    // Each removal is another run of the provision Job, for which whoever is about to roll would have to wait: all at
    // once, then, but one that is stuck must not keep the accounts of the others open.
    let rolling = subjects.iter().any(|s| s.turn.step == Some(Step::Rolling) && !s.rolled);
    let may_drop = situation.provisioned && (!rolling || situation.stuck);
    subjects.iter().map(|subject| of_one(subject, may_drop, situation)).collect()
}

fn of_one(subject: &Subject, may_drop: bool, situation: &Situation) -> Option<Turn> {
    let turn = subject.turn.clone();
    match turn.step {
        // An account without a turn is left over, whatever happened: the pods may still use it.
        None if subject.both => Some(Turn { step: Some(Step::Rolling), ..turn }),
        None if situation.provisioned => begin(subject, situation),
        Some(Step::Adding) if situation.provisioned => {
            let generation = turn.generation.wrapping_add(1);
            Some(Turn { step: Some(Step::Rolling), generation, ..turn })
        }
        Some(Step::Rolling) if subject.rolled && may_drop => {
            Some(Turn { step: Some(Step::Dropping), ..turn })
        }
        Some(Step::Dropping) if situation.provisioned => {
            Some(Turn { step: None, rotated: Some(Time(situation.now)), ..turn })
        }
        _ => None,
    }
}

fn begin(subject: &Subject, situation: &Situation) -> Option<Turn> {
    let turn = subject.turn.clone();
    let wish = situation.wish.filter(|wish| wish.covers(&subject.service));
    let asked = wish.is_some_and(|wish| turn.wish.as_deref() != Some(&wish.token));
    let since = turn.rotated.as_ref().map(|time| time.0).or(subject.made);
    let age = since.and_then(|since| Duration::try_from(situation.now.duration_since(since)).ok());
    let old = situation.every.is_some_and(|every| age.is_some_and(|age| age >= every));
    (asked || old).then(|| Turn {
        step: Some(Step::Adding),
        wish: wish.map(|wish| wish.token.clone()).or(turn.wish.clone()),
        ..turn
    })
}
