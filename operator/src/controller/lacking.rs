//! What of a plan can't be made because the cluster doesn't have its kind. The rest of the plan is made, kept and mended
//! as ever. Only looks at what is served; asks nobody.

use super::kinds::{Kind, Presence};
use super::observe::Observed;
use super::readiness::Readiness;
use super::served::Served;
use crate::plan::{Plan, Unit};
use crate::rollout::Live;
use serde_json::Value;
use std::borrow::Cow;

/// The plan without what can't be made.
pub fn feasible<'a>(plan: &'a Plan, served: &Served) -> Cow<'a, Plan> {
    if !plan.units.iter().flat_map(|unit| &unit.objects).any(|object| missing(object, served).is_some()) {
        return Cow::Borrowed(plan);
    }
    let mut plan = plan.clone();
    for unit in &mut plan.units {
        unit.objects.retain(|object| missing(object, served).is_none());
    }
    Cow::Owned(plan)
}

/// Tells each unit what it lacks, as far as it can't be whole without, and that somebody waits for it.
pub fn tell(plan: &Plan, served: &Served, units: &mut [Observed]) {
    for unit in units {
        let kind = plan.unit(&unit.name).and_then(|planned| first(planned, served));
        unit.lacks = kind.map(|kind| {
            served.wish(kind);
            served.told(kind)
        });
        // Without it nothing runs at all.
        if kind.is_some_and(Kind::runs) {
            (unit.live, unit.readiness) = (Live::Absent, Readiness { desired: 1, ..Readiness::default() });
            unit.cause = unit.lacks.clone();
        }
    }
}

fn first(unit: &Unit, served: &Served) -> Option<&'static Kind> {
    let mut missing = unit.objects.iter().filter_map(|object| missing(object, served));
    missing.find(|kind| matches!(kind.presence, Presence::Required(_)))
}

fn missing(object: &Value, served: &Served) -> Option<&'static Kind> {
    let kind = object["kind"].as_str().and_then(Kind::named)?;
    (kind.is_optional() && served.is_missing(kind)).then_some(kind)
}
