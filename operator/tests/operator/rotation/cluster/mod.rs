//! A cluster in memory, for sequences that no real one would go through on demand: the operator's own pure parts decide,
//! and what machines would make of that is done one step at a time.

mod machines;

use k8s_openapi::jiff::Timestamp;
use operator::api::{OrionPlatform, OrionPlatformStatus};
use operator::controller::bind;
use operator::controller::cache::Children;
use operator::controller::observe::{self, Observed};
use operator::controller::rotate::Rotation;
use operator::controller::status::{self, Facts};
use operator::controller::{accounts, secrets};
use operator::plan::{Inputs, PROVISION, Plan, SecretSpec, Unit, plan};
use operator::rollout::{Decision, decide};
use operator::rotation::{ROTATE, Turn};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub(super) const VERSION: &str = "0.1.0";
pub(super) const TIMEOUT: Duration = Duration::from_secs(300);

pub(super) struct Cluster {
    platform: OrionPlatform,
    plan: Arc<Plan>,
    pub(super) children: Children,
    /// What each store lets in, as `user:password@store`.
    pub(super) accounts: BTreeSet<String>,
    /// What each pod was started with, by its name.
    pods: BTreeMap<String, Vec<String>>,
    /// Services whose new pods never come to serve.
    pub(super) ill: BTreeSet<String>,
    pub(super) status: OrionPlatformStatus,
    pub(super) now: i64,
    made: u32,
}

impl Cluster {
    pub(super) fn installed() -> Self {
        let platform = operator::api::examples::platform("team", "orion", "{}");
        let inputs = Inputs {
            platform: &platform,
            storekeeper_image: super::super::plan::IMAGE,
            operator_namespace: "orion-system",
            operator_version: VERSION,
        };
        let plan = Arc::new(plan(&inputs));
        let mut cluster = Self {
            platform,
            plan,
            children: Children::new(),
            accounts: BTreeSet::new(),
            pods: BTreeMap::new(),
            ill: BTreeSet::new(),
            status: OrionPlatformStatus::default(),
            now: 0,
            made: 0,
        };
        cluster.settle();
        cluster
    }

    pub(super) fn ask(&mut self, wish: &str) {
        let annotations = BTreeMap::from([(ROTATE.to_owned(), wish.to_owned())]);
        self.platform.metadata.annotations = Some(annotations);
    }

    pub(super) fn rotate_every(&mut self, every: &str) {
        self.platform.spec.credentials.rotate_every = Some(every.to_owned());
    }

    /// Everybody does what there is to do, until nothing changes any more.
    pub(super) fn settle(&mut self) {
        for _ in 0..200 {
            let before = (self.children.clone(), self.accounts.clone());
            self.operator(usize::MAX);
            self.job();
            for service in ["auth", "user", "gateway"] {
                self.deployment(service);
            }
            self.assert_everybody_gets_in();
            if before == (self.children.clone(), self.accounts.clone()) {
                return;
            }
        }
        panic!("it never comes to rest: {:#?}", self.turns());
    }

    pub(super) fn turns(&self) -> BTreeMap<String, Turn> {
        self.specs().map(|spec| (spec.unit.clone(), accounts::of(spec, &self.children))).collect()
    }

    fn specs(&self) -> impl Iterator<Item = &SecretSpec> {
        self.plan
            .units
            .iter()
            .filter(|u| u.name != PROVISION)
            .flat_map(|u| &u.secrets)
            .filter(|s| s.rotates())
    }

    fn observed(&self) -> Vec<Observed> {
        observe::units(&self.plan, VERSION, &bind::secret_data(&self.children), &self.children)
    }

    /// One look of the operator, which ends after so many writes.
    pub(super) fn operator(&mut self, mut writes: usize) {
        let (plan, seen) = (self.plan.clone(), self.children.clone());
        let data = bind::secret_data(&seen);
        let units = self.observed();
        let rotation = Rotation::of(&self.platform, &plan, &units, &data, &seen);
        let subjects: Vec<_> = units.iter().map(Observed::subject).collect();
        let decisions = decide(&subjects, self.status.last_good_revision.is_some());
        let stuck = status::stuck(self.status.credentials.as_ref(), self.time(), TIMEOUT);
        self.status = status::build(&Facts {
            before: &self.status,
            generation: 1,
            now: self.time(),
            timeout: TIMEOUT,
            version: VERSION,
            revision: "one",
            held: None,
            available: None,
            roll_back: false,
            paused: false,
            units: &units,
            decisions: &decisions,
            rotation: Some(&rotation),
            url: None,
            stuck: None,
        });
        for (unit, decision) in units.iter().zip(decisions) {
            if decision == Decision::Apply && writes > 0 {
                writes -= 1;
                self.apply(plan.unit(&unit.name).expect("a unit of the plan"));
            }
        }
        for (spec, turn) in rotation.next(self.time(), stuck) {
            if writes == 0 {
                return;
            }
            writes -= 1;
            self.turn(spec, &turn, &seen);
        }
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_second(self.now).expect("a time")
    }

    fn apply(&mut self, unit: &Unit) {
        for spec in &unit.secrets {
            let data = bind::secret_data(&self.children);
            let turn = accounts::of(spec, &self.children);
            let keys = secrets::changes(spec, &turn, &data, &mut secrets::random).expect("it can be made");
            self.write_secret(spec, &json!({}), &json!(keys));
        }
        for object in bind::objects(unit, VERSION, &bind::secret_data(&self.children), &self.children) {
            let key = (kind(&object), name(&object));
            let live = self.children.get(&key);
            if object["kind"] == "Job" && live.is_some()
                || observe::difference(&object, &self.children).is_none()
            {
                continue;
            }
            let generation = live.map_or(0, |live| live["metadata"]["generation"].as_i64().unwrap_or(0));
            let mut object = object;
            object["metadata"]["generation"] = (generation + 1).into();
            object["status"] = match object["kind"].as_str() {
                Some("StatefulSet") => json!({"observedGeneration": generation + 1, "availableReplicas": 1}),
                _ => json!({}),
            };
            self.children.insert(key, Arc::new(object));
        }
    }

    /// Refused, as the API server does, if the Secret has changed since it was seen.
    fn turn(&mut self, spec: &SecretSpec, turn: &Turn, seen: &Children) {
        let key = ("Secret", spec.name.clone());
        if seen.get(&key).map(|s| &s["metadata"]["resourceVersion"])
            != self.children.get(&key).map(|s| &s["metadata"]["resourceVersion"])
        {
            return;
        }
        let data = bind::secret_data(seen);
        let keys = secrets::keys_of_turn(spec, turn, &data, &mut secrets::random).expect("it can be made");
        self.write_secret(spec, &accounts::annotation(turn), &keys);
    }

    fn write_secret(&mut self, spec: &SecretSpec, annotations: &Value, keys: &Value) {
        let key = ("Secret", spec.name.clone());
        let made = self.time().to_string();
        let fresh = json!({
            "kind": "Secret", "data": {},
            "metadata": {"name": spec.name, "labels": spec.labels, "creationTimestamp": made},
        });
        let mut secret = self.children.get(&key).map_or(fresh, |live| (**live).clone());
        merge(&mut secret["metadata"]["annotations"], annotations);
        merge(&mut secret["data"], keys);
        if self.children.get(&key).is_some_and(|live| **live == secret) {
            return;
        }
        self.made += 1;
        secret["metadata"]["resourceVersion"] = self.made.to_string().into();
        self.children.insert(key, Arc::new(secret));
    }

    /// Somebody takes the operator's annotations off.
    pub(super) fn forget_turns(&mut self) {
        let names: Vec<String> = self.specs().map(|spec| spec.name.clone()).collect();
        for name in names {
            let key = ("Secret", name);
            let Some(live) = self.children.get(&key) else { continue };
            let mut secret = (**live).clone();
            secret["metadata"]["annotations"] = json!({});
            self.children.insert(key, Arc::new(secret));
        }
    }

    pub(super) fn is_true(&self, condition: &str) -> bool {
        self.status.conditions.iter().any(|c| c.type_ == condition && c.status == "True")
    }

    /// Whoever runs, also on its way out, has accounts that the stores let in.
    pub(super) fn assert_everybody_gets_in(&self) {
        for (pod, accounts) in &self.pods {
            for account in accounts {
                assert!(
                    self.accounts.contains(account),
                    "{pod} is refused as {account}: {:#?}",
                    self.turns()
                );
            }
        }
    }
}

fn merge(target: &mut Value, patch: &Value) {
    for (key, value) in patch.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(target.as_object_mut().and_then(|target| target.remove(key))),
            value => target[key] = value.clone(),
        }
    }
}

fn kind(object: &Value) -> &'static str {
    let name = object["kind"].as_str().unwrap_or_default();
    operator::controller::kinds::Kind::named(name).expect("a kind of the table").kind
}

pub(super) fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().expect("a name").to_owned()
}
