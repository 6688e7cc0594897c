//! One look at one platform: observe, validate, plan, decide, apply, prune, report.

mod beside;
mod ending;
mod rest;

use super::apply::{Applying, Failures};
use super::bind::{self, SecretData};
use super::cache::{Children, Key};
use super::delete;
use super::error::Error;
use super::observe::{self, Observed};
use super::queue::key_of;
use super::rotate::{self, Rotation, Site};
use super::{
    backups, explain, figures, foreign, lacking, namespace, prune, revisions, status, turns, volumes,
};
use crate::api::{OnFailure, OrionPlatform, OrionPlatformStatus, Phase, RotationPhase};
use crate::context::{Context, Rest};
use crate::plan::Plan;
use crate::revision::{Choice, Revision};
use crate::rollout::{self, Decision, Subject};
use crate::validate::{stores, validate};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What was just learnt or written decides what is next.
const SOON: Duration = Duration::from_millis(100);
/// While something is under way: timeouts pass and causes come to light without any watch saying so.
const BUSY: Duration = Duration::from_secs(5);
/// Caller keys and the Secrets of external stores are asked for, not watched.
const QUIET: Duration = Duration::from_secs(60);

pub async fn reconcile(platform: Arc<OrionPlatform>, context: Arc<Context>) -> Result<Action, Error> {
    context.writer.leads()?;
    let key = key_of(&platform);
    context.waiting.ends(&key);
    context.memory.meet(&key, &platform);
    let before =
        context.memory.of(&key, |m| m.status.clone()).or(platform.status.clone()).unwrap_or_default();
    let found = rest::found(&context, &key, &platform).await;
    if rest::lasts(&context, &key, found.as_ref()) {
        return Ok(Action::requeue(QUIET));
    }
    let one =
        Reconcile { context: &context, platform: &platform, key: &key, before, found, now: Timestamp::now() };
    let began = std::time::Instant::now();
    let result = one.run().await;
    let outcome = match &result {
        Ok(_) => "success",
        Err(error) if error.is_conflict() => "conflict",
        Err(_) => "error",
    };
    figures::reconciled(outcome, began.elapsed());
    match result {
        Ok(action) => {
            context.memory.of(&key, |m| m.failures = 0);
            Ok(action)
        }
        // The watch is about to bring what this conflicted with.
        Err(e) if e.is_conflict() => Ok(Action::requeue(Duration::from_secs(1))),
        Err(e) if e.namespace_ends() => {
            namespace::was_told(&context, &key);
            Ok(Action::requeue(SOON))
        }
        Err(e) => Err(e),
    }
}

struct Reconcile<'a> {
    context: &'a Context,
    platform: &'a OrionPlatform,
    key: &'a Key,
    before: OrionPlatformStatus,
    /// What was there when the look began.
    found: Option<Rest>,
    now: Timestamp,
}

impl Reconcile<'_> {
    fn generation(&self) -> i64 {
        self.platform.metadata.generation.unwrap_or(0)
    }

    async fn run(&self) -> Result<Action, Error> {
        let children = self.context.cache.children(self.key);
        let in_doubt = namespace::in_doubt(self.platform, &children);
        if namespace::known_to_end(self.context, self.key)
            || in_doubt && namespace::ends(self.context, self.key).await
        {
            return self.abandon().await;
        }
        if self.platform.metadata.deletion_timestamp.is_some() {
            return self.take_down(&children).await;
        }
        let mut reasons = validate(self.platform).err().unwrap_or_default();
        reasons.extend(stores::refused(self.platform, &children));
        if !reasons.is_empty() {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            return self.keep_running(&children, &reasons).await;
        }
        match revisions::choose(self.context, self.key, self.platform, &self.before).await {
            Err(Error::Input(text)) => self.keep_running(&children, &[text]).await,
            choice => match self.bring_up(&children, &choice?, &[]).await {
                Err(Error::Unstorable(text)) => self.keep_running(&children, &[text]).await,
                other => other,
            },
        }
    }

    /// What runs goes on running, and is healed, while its spec is put right.
    async fn keep_running(&self, children: &Children, invalid: &[String]) -> Result<Action, Error> {
        let stored = revisions::last_applied(self.context, self.key, &self.before, children).await;
        match stored {
            Ok(Some(revision)) => {
                let available = self.before.available_revision.clone();
                self.bring_up(children, &Choice { revision, held: None, available }, invalid).await
            }
            Ok(None) | Err(Error::Input(_)) => {
                let (before, generation) = (&self.before, self.generation());
                self.report(status::invalid(before, before.clone(), generation, self.now, invalid)).await?;
                self.keep_serving(children).await
            }
            Err(error) => Err(error),
        }
    }

    /// Brings the platform to a revision. `invalid`: why that is not what the spec says.
    async fn bring_up(
        &self,
        children: &Children,
        choice: &Choice,
        invalid: &[String],
    ) -> Result<Action, Error> {
        let revision = choice.revision.as_ref();
        let (version, hash) = (revision.version.as_str(), revision.hash());
        let plan = lacking::feasible(&revision.plan, &self.context.cache.served);
        let mut data = bind::secret_data(children);
        data.extend(foreign::secrets(self.context, self.key, &plan).await?);
        let mut units = observe::units(&plan, version, &data, children);
        lacking::tell(&revision.plan, &self.context.cache.served, &mut units);
        explain::health(self.context, self.key, &mut units);
        explain::backup_volume(&mut units, volumes::stuck_for_backups(&plan, children));
        let rotation = Rotation::of(self.platform, &plan, &units, &data, children);
        let subjects: Vec<Subject> = units.iter().map(Observed::subject).collect();
        let decisions = rollout::decide(&subjects, self.before.last_good_revision.is_some());
        let mut failures = Failures::new();
        if !self.platform.spec.paused {
            if !namespace::is_held(self.platform) {
                if namespace::ends(self.context, self.key).await {
                    return Ok(Action::await_change());
                }
                delete::hold(&self.context.writer, self.platform).await?;
                return Ok(Action::requeue(SOON));
            }
            match revisions::store(&self.context.writer, self.key, revision, children).await {
                // What isn't stored is not applied.
                Err(Error::Input(text)) => return Err(Error::Unstorable(text)),
                other => other?,
            }
            failures = self.change(revision, &plan, &units, &decisions, children, data.clone()).await;
            if let Err(error) = self.rotate(&rotation, children, &data).await {
                failures.push(("credentials".to_owned(), error));
            }
        }
        if failures.iter().any(|(_, error)| error.namespace_ends()) {
            namespace::was_told(self.context, self.key);
            return self.abandon().await;
        }
        explain::failures(&mut units, &failures);
        explain::events(self.context, self.key, &mut units, &decisions).await;
        let ran = if invalid.is_empty() { self.before.clone() } else { status::of_what_runs(&self.before) };
        let rollout = &self.platform.spec.rollout;
        let mut status = status::build(&status::Facts {
            before: &ran,
            generation: if invalid.is_empty() { self.generation() } else { ran.observed_generation },
            now: self.now,
            timeout: rollout.timeout(),
            version,
            revision: &hash,
            held: choice.held.as_ref(),
            available: choice.available.as_deref(),
            roll_back: rollout.on_failure == OnFailure::Rollback && invalid.is_empty(),
            paused: self.platform.spec.paused,
            url: status::url(&units, children),
            stuck: volumes::stuck(&plan, children).as_deref(),
            units: &units,
            decisions: &decisions,
            rotation: Some(&rotation),
        });
        let rotating = status.credentials.as_ref().is_some_and(|c| c.phase != RotationPhase::Settled);
        if !invalid.is_empty() {
            status = status::invalid(&self.before, status, self.generation(), self.now, invalid);
        }
        backups::report(&mut status, &self.before, &self.platform.spec, children, self.now);
        // While anything is wrong there is something to be tried again: a volume that can't grow is no failure, yet grows
        // once it may, and nobody tells when.
        let whole = status.phase == Some(Phase::Ready) && choice.held.is_none();
        self.report(status).await?;
        match failures.into_iter().next() {
            Some((_, error)) => Err(error),
            None if units.iter().all(Observed::settled) && !rotating => {
                if whole {
                    self.rest(&plan, &units);
                }
                Ok(Action::requeue(QUIET))
            }
            None => Ok(Action::requeue(BUSY)),
        }
    }

    /// Nothing is known of what runs, if anything does; it needs the keys of its callers all the same.
    async fn keep_serving(&self, children: &Children) -> Result<Action, Error> {
        if self.platform.spec.paused || !namespace::is_held(self.platform) {
            return Ok(Action::await_change());
        }
        let (writer, version) = (&self.context.writer, self.platform.spec.version(crate::version()));
        let data = SecretData::new();
        self.callers(&Applying { writer, platform: self.key, version, children, data, wish: None }).await?;
        Ok(Action::requeue(QUIET))
    }

    async fn change(
        &self,
        revision: &Revision,
        plan: &Plan,
        units: &[Observed],
        decisions: &[Decision],
        children: &Children,
        data: SecretData,
    ) -> Failures {
        let writer = &self.context.writer;
        let version = revision.version.as_str();
        let wish = rotate::wish(self.platform);
        let mut applying = Applying { writer, platform: self.key, version, children, data, wish };
        let mut failures = Failures::new();
        let own = self.beside(&applying, &mut failures).await;
        failures.extend(applying.run(plan, units, decisions).await);
        if let Err(error) = self.volumes(plan, units, children).await {
            failures.push(("volumes".to_owned(), error));
        }
        let superfluous: Vec<&Value> = prune::superfluous(children, units, &own);
        if let Err(error) = prune::run(writer, &superfluous).await {
            failures.push(("prune".to_owned(), error));
        }
        let last_good = self.before.last_good_revision.as_deref().unwrap_or_default();
        let keep = [revision.hash(), last_good.to_owned()];
        if let Err(error) = revisions::trim(writer, self.platform, children, &keep).await {
            failures.push(("history".to_owned(), error));
        }
        failures
    }

    /// Carries the replacement of accounts on by a step.
    async fn rotate(
        &self,
        rotation: &Rotation<'_>,
        children: &Children,
        data: &SecretData,
    ) -> Result<(), Error> {
        let stuck =
            status::stuck(self.before.credentials.as_ref(), self.now, self.platform.spec.rollout.timeout());
        let Context { client, writer, .. } = self.context;
        let site = Site { client, writer, platform: self.key, children, data, now: self.now };
        rotation.advance(&site, stuck).await
    }

    async fn volumes(&self, plan: &Plan, units: &[Observed], children: &Children) -> Result<(), Error> {
        let writer = &self.context.writer;
        volumes::note_versions(writer, units, children).await?;
        let now = Instant::now();
        let due = self.context.memory.of(self.key, |m| {
            let due = m.resized.is_none_or(|last| now.duration_since(last) >= QUIET);
            m.resized = if due { Some(now) } else { m.resized };
            due
        });
        if due { volumes::retry(writer, self.key, plan, children).await } else { Ok(()) }
    }

    /// Writes the status if it says anything new, and before it an Event for each turn.
    async fn report(&self, status: OrionPlatformStatus) -> Result<(), Error> {
        if status == self.before {
            return Ok(());
        }
        let (writer, instance) = (&self.context.writer, &self.context.instance);
        turns::tell(writer, instance, self.platform, &self.before, &status).await?;
        let value = serde_json::to_value(&status).expect("a status is plain data");
        match writer.status(&self.key.namespace, &self.key.name, &value).await {
            Err(e) if e.is_not_found() => return Ok(()),
            other => other?,
        }
        self.context.memory.of(self.key, |m| m.status = Some(status));
        Ok(())
    }
}
