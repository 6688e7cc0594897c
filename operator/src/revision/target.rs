//! Which revision is to run now. Pure: it sees the spec as this operator renders it, what ran before and what a person
//! has said about it.

use super::Revision;
use super::merge::{Conflict, merge};
use crate::api::{OnFailure, Updates};
use std::sync::Arc;

/// What the choice depends on.
pub struct Situation<'a> {
    /// The spec of now, as this operator renders it.
    pub fresh: &'a Arc<Revision>,
    /// The revision that was wanted last, if it is stored.
    pub current: Option<&'a Arc<Revision>>,
    /// The revision that last ran whole, if it is stored.
    pub last_good: Option<&'a Arc<Revision>>,
    /// The revision that a person wants to go back to.
    pub asked: Asked<'a>,
    pub updates: Updates,
    pub on_failure: OnFailure,
    /// What a person has approved: a revision's hash, or this operator's version.
    pub approved: Option<&'a str>,
    /// The rollout of this very spec has failed before.
    pub failed: bool,
    /// Renders another spec as this operator would.
    pub render: &'a dyn Fn(&Revision) -> Revision,
}

/// A rollback that a person asks for.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    Nothing,
    To(&'a Arc<Revision>),
    /// This one is not stored.
    Unknown(&'a str),
}

/// Why something else runs than the spec says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Its rollout failed, and what ran well before was put back.
    RolledBack,
    /// A person wants an older one.
    AsAsked,
    /// It is for a person to approve: what this operator would change, or can't tell apart.
    Approval(Vec<Conflict>),
    /// What was asked can't be done.
    Refused(String),
}

/// What is to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub revision: Arc<Revision>,
    pub held: Option<Held>,
    /// What this operator would run if it were asked to; None where that runs already.
    pub available: Option<String>,
}

pub fn choose(situation: &Situation) -> Choice {
    let wanted = wanted(situation);
    match &situation.asked {
        Asked::Nothing => {}
        Asked::Unknown(hash) => {
            return refuse(wanted, format!("there is no revision {hash} to go back to: see `orion history`"));
        }
        Asked::To(back) => return go_back(wanted, back, Held::AsAsked),
    }
    let back = situation.last_good.filter(|good| good.hash() != wanted.revision.hash());
    match back {
        Some(back) if situation.failed && situation.on_failure == OnFailure::Rollback => {
            go_back(wanted, back, Held::RolledBack)
        }
        _ => wanted,
    }
}

fn go_back(wanted: Choice, back: &Arc<Revision>, held: Held) -> Choice {
    if !back.runs_on_schemas_of(&wanted.revision) {
        let (hash, version) = (back.hash(), &back.version);
        let floor = &wanted.revision.floor;
        let text = format!(
            "can't go back to revision {hash} of version {version}: the schemas have been changed so that only \
             {floor} and later run on them. Put the cause right and go forward"
        );
        return refuse(wanted, text);
    }
    Choice { revision: back.clone(), held: Some(held), available: wanted.available }
}

fn refuse(wanted: Choice, text: String) -> Choice {
    Choice { held: Some(Held::Refused(text)), ..wanted }
}

/// What the spec means, whatever has failed.
fn wanted(situation: &Situation) -> Choice {
    let fresh = situation.fresh;
    let take_fresh = || Choice { revision: fresh.clone(), held: None, available: None };
    let Some(current) = situation.current else { return take_fresh() };
    let hash = fresh.hash();
    let approved = situation.approved.is_some_and(|a| a == hash || a == fresh.operator);
    if situation.updates == Updates::Automatic || approved || current.hash() == hash {
        return take_fresh();
    }
    let available = Some(hash);
    if current.spec == fresh.spec {
        return Choice { revision: current.clone(), held: None, available };
    }
    // The same operator, or one that makes the same of it: the difference is the edit and nothing else.
    let before = (situation.render)(current);
    if before.plan == current.plan {
        return take_fresh();
    }
    match merge(&current.plan, &before.plan, &fresh.plan) {
        Ok(plan) => {
            let version = match before.version == fresh.version {
                true => current.version.clone(),
                false => fresh.version.clone(),
            };
            let operator = current.operator.clone();
            let floor = current.floor.clone();
            let revision = Revision { version, operator, floor, spec: fresh.spec.clone(), plan };
            Choice { revision: Arc::new(revision), held: None, available }
        }
        Err(conflicts) => {
            Choice { revision: current.clone(), held: Some(Held::Approval(conflicts)), available }
        }
    }
}
