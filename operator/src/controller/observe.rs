//! How each unit of a plan stands in the cluster, from the caches alone.

use super::accounts;
use super::bind::{self, SecretData, VERSION};
use super::cache::{Children, UNIT, label, name};
use super::claim;
use super::clusters;
use super::diff;
use super::kinds::{Kind, Role};
use super::readiness::{self, Readiness};
use super::secrets;
use super::volumes;
use super::why;
use crate::api::Health;
use crate::plan::{Plan, Unit, UnitKind};
use crate::rollout::{Live, Subject};
use catalog::Tier;
use serde_json::Value;

/// One unit, planned and found.
#[derive(Clone, Debug)]
pub struct Observed {
    pub name: String,
    pub kind: UnitKind,
    pub tier: Tier,
    pub needs: Vec<String>,
    pub live: Live,
    pub readiness: Readiness,
    pub image: Option<String>,
    pub health: Health,
    /// Why it is not ready, without its name.
    pub cause: Option<String>,
    /// What the cluster doesn't have and the unit can't be whole without; it runs as well as it can.
    pub lacks: Option<String>,
    /// What a person has to put into a Secret before it can change.
    pub held: Option<String>,
    /// The planned objects with everything bound that is known by now.
    pub objects: Vec<Value>,
}

impl Observed {
    pub fn subject(&self) -> Subject<'_> {
        let needs = self.needs.iter().map(String::as_str).collect();
        let (live, ready, held) = (self.live, self.readiness.settled, self.held.is_some());
        Subject { name: &self.name, tier: self.tier, needs, live, ready, held }
    }

    pub fn settled(&self) -> bool {
        self.live == Live::Current && self.readiness.settled
    }
}

/// Every enabled unit of the plan, in its order.
pub fn units(plan: &Plan, version: &str, data: &SecretData, children: &Children) -> Vec<Observed> {
    plan.units.iter().filter(|u| u.enabled).map(|unit| observe(unit, version, data, children)).collect()
}

fn observe(unit: &Unit, version: &str, data: &SecretData, children: &Children) -> Observed {
    let objects = bind::objects(unit, version, data, children);
    let workload = objects.iter().find(|o| runs(o));
    let live = workload.and_then(|o| find(children, o)).filter(|o| !leaving(o));
    let pods: Vec<&Value> = pods(&unit.name, children).collect();
    let mut readiness = match (workload, live) {
        // Somebody else runs it; the provision Job finds out whether it can be reached.
        (None, _) => Readiness { ready: 1, desired: 1, settled: true, serving: true, failed: false },
        (Some(_), Some(live)) if readiness::is_done_by(live, &pods) => readiness::done(true),
        (Some(_), Some(live)) => readiness::of(live, fewest(&objects)),
        (Some(planned), None) => {
            Readiness { desired: readiness::of(planned, None).desired, ..Readiness::default() }
        }
    };
    readiness.serving |= unit.kind == UnitKind::Provision && was_provisioned(unit, children);
    let cause = match readiness.settled {
        true => claims(&objects, children).find_map(volumes::growing),
        false => cause(&unit.name, &objects, live, &pods, children),
    };
    Observed {
        name: unit.name.clone(),
        kind: unit.kind,
        tier: unit.tier,
        needs: unit.needs.iter().filter(|n| n.hard).map(|n| n.on.clone()).collect(),
        live: compare(unit, &objects, live, version, data, children),
        readiness,
        image: workload.and_then(image),
        health: Health::Unknown,
        cause,
        lacks: None,
        held: secrets::lacking(unit, children, data),
        objects,
    }
}

/// While accounts are replaced the Job runs again and again, and those that it made before go on working.
fn was_provisioned(unit: &Unit, children: &Children) -> bool {
    let mut jobs =
        children.iter().filter(|((kind, _), job)| *kind == "Job" && label(job, UNIT) == Some(&unit.name));
    let pods: Vec<&Value> = pods(&unit.name, children).collect();
    let has_done = |job: &Value| readiness::of(job, None).settled || readiness::is_done_by(job, &pods);
    accounts::under_way(unit, children) && jobs.any(|(_, job)| has_done(job))
}

fn compare(
    unit: &Unit,
    objects: &[Value],
    workload: Option<&Value>,
    version: &str,
    data: &SecretData,
    children: &Children,
) -> Live {
    let has_workload = objects.iter().any(runs);
    if has_workload && workload.is_none() {
        return Live::Absent;
    }
    let runs = workload.and_then(|w| w["metadata"]["annotations"][VERSION].as_str());
    if unit.kind == UnitKind::Service && runs.is_some_and(|runs| runs != version) {
        return Live::OldVersion;
    }
    let complete = |spec| {
        secrets::complete(spec, &accounts::of(spec, children), data) && secrets::labelled(spec, children)
    };
    if unit.secrets.iter().all(complete)
        && objects.iter().all(|object| difference(object, children).is_none())
    {
        Live::Current
    } else {
        Live::Edited
    }
}

/// What makes an object differ from the plan; None if nothing is to be written.
pub fn difference(object: &Value, children: &Children) -> Option<String> {
    match find(children, object) {
        None => Some("it does not exist".to_owned()),
        // A Job is never changed, only replaced by one of another name.
        Some(_) if object["kind"] == "Job" => None,
        Some(live) => diff::first(object, live).or_else(|| {
            claim::held_by_helper(object, live).then(|| format!("spec.replicas is held by {}", claim::HELPER))
        }),
    }
}

/// The live object in the place of a planned one.
pub fn find<'a>(children: &'a Children, object: &Value) -> Option<&'a Value> {
    let kind = Kind::named(object["kind"].as_str()?)?;
    children.get(&(kind.kind, name(object).to_owned())).map(AsRef::as_ref)
}

/// The fewest pods that an autoscaler lets the unit have, if it has one.
fn fewest(objects: &[Value]) -> Option<i32> {
    let autoscaler = objects.iter().find(|o| o["kind"] == "HorizontalPodAutoscaler")?;
    autoscaler["spec"]["minReplicas"].as_i64().and_then(|n| i32::try_from(n).ok())
}

pub fn role(object: &Value) -> Option<Role> {
    Kind::named(object["kind"].as_str()?).map(|kind| kind.role)
}

/// Whether a unit is ready by it.
pub fn runs(object: &Value) -> bool {
    object["kind"].as_str().and_then(Kind::named).is_some_and(Kind::runs)
}

pub fn leaving(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// The unit's pods.
pub fn pods<'a>(unit: &'a str, children: &'a Children) -> impl Iterator<Item = &'a Value> {
    let pods = children.iter().filter(|((kind, _), _)| *kind == "Pod").map(|(_, pod)| pod.as_ref());
    pods.filter(move |pod| label(pod, UNIT) == Some(unit))
}

fn image(workload: &Value) -> Option<String> {
    let spec = &workload["spec"];
    let image = &spec["template"]["spec"]["containers"][0]["image"];
    [image, &spec["imageName"], &spec["image"]].into_iter().find_map(Value::as_str).map(str::to_owned)
}

fn claims<'a>(objects: &[Value], children: &'a Children) -> impl Iterator<Item = &'a Value> {
    let planned = objects.iter().filter(|o| o["kind"] == "PersistentVolumeClaim");
    planned.filter_map(|o| find(children, o))
}

fn cause(
    unit: &str,
    objects: &[Value],
    workload: Option<&Value>,
    pods: &[&Value],
    children: &Children,
) -> Option<String> {
    let claim = || claims(objects, children).find_map(why::claim_cause);
    let found = why::cause(unit, workload, pods);
    match found {
        // The scheduler knows only that a claim is not bound; the claim's own name says more.
        Some(text) if text.contains("PersistentVolumeClaim") => claim().or(Some(text)),
        Some(text) => Some(text),
        None => workload.and_then(|workload| clusters::cause(workload).or_else(claim)),
    }
}
