//! Carries the replacement of accounts on by a step: what a look at the cluster shows goes to `rotation`, and what
//! that wants is written to the Secrets. All else follows from them: the provision Job and the pods.

use super::bind::SecretData;
use super::cache::{Children, INSTANCE, Key, UNIT};
use super::error::Error;
use super::observe::{Observed, pods};
use super::writer::Writer;
use super::{accounts, secrets};
use crate::api::OrionPlatform;
use crate::plan::{PROVISION, Plan, SecretSpec, UnitKind};
use crate::rotation::{ROTATE, Situation, Step, Subject, Turn, Wish, next};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use std::time::Duration;

/// The accounts of a platform's services, as they stand.
pub struct Rotation<'a> {
    specs: Vec<&'a SecretSpec>,
    pub subjects: Vec<Subject>,
    pub wish: Option<Wish>,
    every: Option<Duration>,
    provisioned: bool,
}

/// What a person asks for, if anything.
pub fn wish(platform: &OrionPlatform) -> Option<Wish> {
    Wish::read(platform.annotations().get(ROTATE)?)
}

impl<'a> Rotation<'a> {
    pub fn of(
        platform: &OrionPlatform,
        plan: &'a Plan,
        units: &[Observed],
        data: &SecretData,
        children: &Children,
    ) -> Self {
        let services = plan.units.iter().filter(|unit| unit.enabled && unit.kind == UnitKind::Service);
        let rotating = services.flat_map(|unit| unit.secrets.iter().filter(|spec| spec.rotates()));
        // One that isn't there yet is made with the first account, and nothing is to be replaced.
        let specs: Vec<&SecretSpec> =
            rotating.filter(|spec| children.contains_key(&("Secret", spec.name.clone()))).collect();
        let subjects = specs.iter().map(|spec| subject(spec, units, data, children)).collect();
        let provisioned = units.iter().any(|unit| unit.name == PROVISION && unit.settled());
        let every = platform.spec.credentials.rotate_every();
        Self { specs, subjects, wish: wish(platform), every, provisioned }
    }

    /// The Secrets that are to go on to another turn. Pure.
    pub fn next(&self, now: Timestamp, stuck: bool) -> Vec<(&'a SecretSpec, Turn)> {
        let Self { provisioned, every, .. } = *self;
        let wish = self.wish.as_ref();
        let turns = next(&self.subjects, &Situation { now, provisioned, stuck, wish, every });
        self.specs.iter().zip(turns).filter_map(|(spec, turn)| Some((*spec, turn?))).collect()
    }

    /// Writes what is next.
    pub async fn advance(&self, on: &Site<'_>, stuck: bool) -> Result<(), Error> {
        for (spec, turn) in self.next(on.now, stuck) {
            if turn.step == Some(Step::Dropping) && !on.nobody_uses_another(&spec.unit, &turn).await? {
                continue;
            }
            let Some(live) = on.children.get(&("Secret", spec.name.clone())) else { continue };
            tracing::info!(
                namespace = on.platform.namespace, name = on.platform.name, service = spec.unit,
                generation = turn.generation, step = ?turn.step, "replaces accounts"
            );
            secrets::turn(on.writer, on.platform, spec, live, &turn, on.data).await?;
        }
        Ok(())
    }
}

fn subject(spec: &SecretSpec, units: &[Observed], data: &SecretData, children: &Children) -> Subject {
    let turn = accounts::of(spec, children);
    let secret = children.get(&("Secret", spec.name.clone()));
    let made = secret.and_then(|secret| secret["metadata"]["creationTimestamp"].as_str());
    let settled = units.iter().any(|unit| unit.name == spec.unit && unit.settled());
    let others = pods(&spec.unit, children).any(|pod| uses_another(pod, &turn));
    Subject {
        service: spec.unit.clone(),
        made: made.and_then(|time| time.parse().ok()),
        both: accounts::both(spec, data),
        rolled: settled && !others,
        turn,
    }
}

/// A pod that may still open a connection with an account whose turn it isn't. One that ends finishes its requests.
fn uses_another(pod: &Value, turn: &Turn) -> bool {
    let over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    !over && accounts::generation(pod) != turn.generation
}

/// Where the steps are written.
pub struct Site<'a> {
    pub client: &'a Client,
    pub writer: &'a Writer,
    pub platform: &'a Key,
    pub children: &'a Children,
    pub data: &'a SecretData,
    pub now: Timestamp,
}

impl Site<'_> {
    /// A watch may be behind, and an account that is refused too early is an outage: the API server itself is asked.
    async fn nobody_uses_another(&self, service: &str, turn: &Turn) -> Result<bool, Error> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.platform.namespace);
        let selector = format!("{INSTANCE}={},{UNIT}={service}", self.platform.name);
        let list = api.list(&ListParams::default().labels(&selector)).await;
        let pods = list.map_err(Error::api(format!("list the pods of {service}")))?;
        let pods = pods.items.iter().filter_map(|pod| serde_json::to_value(pod).ok());
        Ok(!pods.into_iter().any(|pod| uses_another(&pod, turn)))
    }
}
