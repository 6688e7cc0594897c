//! Brings units to the plan: Secrets first, then what differs and nothing else.

use super::bind::{self, SecretData};
use super::cache::{Children, Key, name};
use super::claim;
use super::error::Error;
use super::kinds::Kind;
use super::observe::{Observed, difference, find, leaving, runs};
use super::secrets;
use super::volumes;
use super::writer::Writer;
use crate::plan::{Plan, Unit};
use crate::rollout::{Decision, Live};
use crate::rotation::Wish;
use kube::api::PatchParams;
use serde_json::Value;

/// What every apply of one reconcile shares.
pub struct Applying<'a> {
    pub writer: &'a Writer,
    pub platform: &'a Key,
    pub version: &'a str,
    pub children: &'a Children,
    pub data: SecretData,
    /// What accounts that are made now need not be replaced for.
    pub wish: Option<Wish>,
}

/// What went wrong with a unit; the others are tried all the same.
pub type Failures = Vec<(String, Error)>;

impl Applying<'_> {
    /// Carries out the decisions.
    pub async fn run(&mut self, plan: &Plan, units: &[Observed], decisions: &[Decision]) -> Failures {
        let mut failures = Vec::new();
        for (observed, decision) in units.iter().zip(decisions) {
            let Some(unit) = plan.unit(&observed.name) else { continue };
            let result = match decision {
                Decision::Keep => Ok(()),
                Decision::Apply => self.unit(unit).await,
                Decision::Wait(_) if observed.live == Live::Absent => Ok(()),
                Decision::Wait(_) => self.lifelines(&observed.objects).await,
            };
            if let Err(error) = result {
                failures.push((observed.name.clone(), error));
            }
        }
        failures
    }

    async fn unit(&mut self, unit: &Unit) -> Result<(), Error> {
        let wish = self.wish.as_ref();
        let made =
            secrets::ensure(self.writer, self.platform, unit, self.children, wish, &mut self.data).await;
        let (unmade, lacks) = match made {
            Ok(()) => (false, secrets::missing(unit, &self.data).map(Error::Input)),
            Err(Error::Input(text)) => (true, Some(Error::Input(text))),
            Err(other) => return Err(other),
        };
        // The Secrets may be new, and with them the hash on the pods.
        let mut result = Ok(());
        for object in bind::objects(unit, self.version, &self.data, self.children) {
            if lacks.is_some() && self.would_wait(&object, unmade) {
                continue;
            }
            match self.object(&object).await {
                Err(error) if self.cannot_grow(&object, &error).await? => result = Err(error),
                other => other?,
            }
        }
        lacks.map_or(result, Err)
    }

    /// Without what a person has to give, new pods could not start: those that run stay as they are. Pods that would read
    /// a Secret that could not be completed (`unmade`) would not even wait for it: the first ones aren't made either.
    fn would_wait(&self, object: &Value, unmade: bool) -> bool {
        object["kind"] == "Job" || runs(object) && (unmade || find(self.children, object).is_some())
    }

    /// A volume that can't grow is no reason to leave alone what runs on it.
    async fn cannot_grow(&self, claim: &Value, error: &Error) -> Result<bool, Error> {
        let live = find(self.children, claim).filter(|_| claim["kind"] == "PersistentVolumeClaim");
        let (Some(live), Some(why)) = (live, error.refused()) else { return Ok(false) };
        volumes::note_refusal(self.writer, claim, live, why).await?;
        Ok(true)
    }

    /// A unit that runs and waits for its turn keeps what it needs to run on: its Service and its ServiceAccount.
    async fn lifelines(&self, objects: &[Value]) -> Result<(), Error> {
        let needed = |o: &&Value| o["kind"] == "Service" || o["kind"] == "ServiceAccount";
        for object in objects.iter().filter(needed) {
            self.object(object).await?;
        }
        Ok(())
    }

    pub async fn object(&self, object: &Value) -> Result<(), Error> {
        let namespace = &self.platform.namespace;
        let kind = object["kind"].as_str().and_then(Kind::named);
        let kind = kind.ok_or_else(|| Error::Input(format!("no kind {} is known", object["kind"])))?;
        // What is being deleted can't be mended; the watch tells when its place is free.
        if find(self.children, object).is_some_and(leaving) {
            return Ok(());
        }
        let Some(why) = difference(object, self.children) else { return Ok(()) };
        tracing::info!(kind = kind.kind, namespace, name = name(object), why, "apply");
        if kind.kind == "Job" {
            return match self.writer.create(kind, namespace, object).await {
                Err(e) if e.is_conflict() => Ok(()),
                other => other.map(|_| ()),
            };
        }
        let live = find(self.children, object);
        if let Some(hand_over) = live.and_then(|live| claim::hand_over(object, live)) {
            let params = PatchParams { force: hand_over.force, ..PatchParams::apply(claim::HELPER) };
            self.claim(kind, object, params, Some(hand_over.replicas)).await?;
        }
        self.writer.apply(kind, namespace, object).await?;
        // Not before: a field that nobody owned in between would be reset.
        if live.is_some_and(|live| claim::held_by_helper(object, live)) {
            self.claim(kind, object, PatchParams::apply(claim::HELPER), None).await?;
        }
        Ok(())
    }

    async fn claim(
        &self,
        kind: &Kind,
        object: &Value,
        params: PatchParams,
        replicas: Option<i64>,
    ) -> Result<(), Error> {
        let claimed = claim::object(object, replicas);
        self.writer.apply_as(&params, kind, &self.platform.namespace, &claimed).await.map(drop)
    }
}
