//! Which units may change now, which wait, and on what. Pure: it sees how each unit compares with the plan and whether
//! it is ready, never an object, a client or a clock.
//!
//! Order matters at two moments. At the first install and at a change of version the tiers are a barrier: a unit is
//! touched when every tier below it has settled. Any other change waits for the hard needs of what it touches and for
//! nothing else. What already runs as planned is never touched, however ill its dependencies are.

use catalog::Tier;

/// How the cluster's objects of a unit compare with the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// Its workload does not exist.
    Absent,
    /// Every planned field is there and nothing that was planned once is left over.
    Current,
    /// Something differs: an edit of the spec, or of the object behind the operator's back.
    Edited,
    /// It runs another version of the platform.
    OldVersion,
}

/// A unit as the rollout sees it.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    pub name: &'a str,
    pub tier: Tier,
    /// The units it cannot work without.
    pub needs: Vec<&'a str>,
    pub live: Live,
    /// Every pod that is wanted runs the newest template and is ready.
    pub ready: bool,
    /// It can't change before a person has given it something; what runs of it goes on.
    pub held: bool,
}

/// What may happen to a unit now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is as planned: leave it alone.
    Keep,
    /// Bring it to the plan.
    Apply,
    /// Leave it as it is until these units have settled.
    Wait(Vec<String>),
}

impl Subject<'_> {
    fn settled(&self) -> bool {
        self.live == Live::Current && self.ready
    }

    /// It runs as it did, and nobody knows for how long: what needs it may change all the same.
    fn runs_on(&self) -> bool {
        self.held && self.live == Live::Edited && self.ready
    }
}

/// A decision for each unit, in the same order. `installed`: the platform has once been ready as a whole.
pub fn decide(units: &[Subject], installed: bool) -> Vec<Decision> {
    units.iter().map(|unit| decide_one(unit, units, installed)).collect()
}

fn decide_one(unit: &Subject, all: &[Subject], installed: bool) -> Decision {
    let barrier = match unit.live {
        Live::Current => return Decision::Keep,
        Live::OldVersion => true,
        Live::Absent => !installed,
        Live::Edited => false,
    };
    let blocks = |other: &&Subject| {
        let needed = unit.needs.contains(&other.name) && (barrier || !other.runs_on());
        !other.settled() && (needed || barrier && other.tier < unit.tier)
    };
    let mut on: Vec<&Subject> = all.iter().filter(blocks).collect();
    // The lowest tier is what everything waits for; naming the ones above it would only hide the cause.
    if let Some(lowest) = on.iter().map(|other| other.tier).min() {
        on.retain(|other| other.tier == lowest);
    }
    match on.is_empty() {
        true => Decision::Apply,
        false => Decision::Wait(on.into_iter().map(|other| other.name.to_owned()).collect()),
    }
}
