//! Finds out which revision is to run, and keeps those that may be wanted again.

use super::cache::{Children, Key};
use super::error::Error;
use super::kinds::Kind;
use super::writer::Writer;
use crate::api::{OnFailure, OrionPlatform, OrionPlatformSpec, OrionPlatformStatus, Updates};
use crate::context::Context;
use crate::plan::{Inputs, plan};
use crate::revision::{self, Asked, Choice, Revision, Situation, entries, object_name};
use kube::api::DynamicObject;
use kube::{Api, ResourceExt};
use serde_json::json;
use std::sync::Arc;

/// What a person approves under manual updates: the hash of a revision, or the operator's version.
pub const APPROVE: &str = "orion.dev/approve";
/// The hash of the revision that a person wants to go back to; with `@generation`, until the spec changes.
pub const ROLLBACK_TO: &str = "orion.dev/rollback-to";

/// The revision that is to run now.
pub async fn choose(
    context: &Context,
    key: &Key,
    platform: &OrionPlatform,
    before: &OrionPlatformStatus,
) -> Result<Choice, Error> {
    let generation = platform.metadata.generation.unwrap_or(0);
    let spec = &platform.spec;
    let fresh = Arc::new(render(context, platform, spec));
    let failed = before.rollback.as_ref().is_some_and(|r| r.generation == generation);
    let stored = Stored { context, key };
    let manual = spec.updates == Updates::Manual;
    let current = stored.if_wanted(manual, before.revision.as_deref()).await?;
    let back = failed && spec.rollout.on_failure == OnFailure::Rollback;
    let last_good = stored.if_wanted(back, before.last_good_revision.as_deref()).await?;
    let wish = rollback_to(platform.annotations().get(ROLLBACK_TO).map(String::as_str), generation);
    let wanted = stored.if_wanted(true, wish).await?;
    let asked = match (wish, &wanted) {
        (None, _) => Asked::Nothing,
        (Some(_), Some(revision)) => Asked::To(revision),
        (Some(hash), None) => Asked::Unknown(hash),
    };
    let choice = revision::choose(&Situation {
        fresh: &fresh,
        current: current.as_ref(),
        last_good: last_good.as_ref(),
        asked,
        updates: spec.updates,
        on_failure: spec.rollout.on_failure,
        approved: platform.annotations().get(APPROVE).map(String::as_str),
        failed,
        render: &|old: &Revision| render(context, platform, &old.spec),
    });
    stored.keep_only([current, last_good, wanted].into_iter().flatten().collect());
    Ok(choice)
}

/// What was applied last, whatever the spec says now; None where nothing ever was. It is stored before it is applied,
/// as the newest; only what was stored a moment ago is in the status and not in the cache yet.
pub async fn last_applied(
    context: &Context,
    key: &Key,
    before: &OrionPlatformStatus,
    children: &Children,
) -> Result<Option<Arc<Revision>>, Error> {
    let (all, told) = (entries(children), before.revision.as_deref());
    let newest = all.last().map(|entry| entry.hash.as_str());
    let fresh = told.filter(|told| all.iter().all(|entry| entry.hash != *told));
    let stored = Stored { context, key };
    let mut found = stored.if_wanted(true, fresh).await?;
    if found.is_none() {
        found = stored.if_wanted(true, newest).await?;
    }
    stored.keep_only(found.clone().into_iter().collect());
    Ok(found)
}

/// A spec of this platform as this operator would run it.
fn render(context: &Context, platform: &OrionPlatform, spec: &OrionPlatformSpec) -> Revision {
    let mut platform = platform.clone();
    platform.spec = spec.clone();
    let inputs = Inputs {
        platform: &platform,
        storekeeper_image: &context.storekeeper_image,
        operator_namespace: &context.namespace,
        operator_version: crate::version(),
    };
    Revision {
        version: spec.version(crate::version()).to_owned(),
        operator: crate::version().to_owned(),
        floor: catalog::SCHEMA_FLOOR.to_owned(),
        plan: plan(&inputs),
        spec: platform.spec,
    }
}

/// The hash in the annotation, unless it was about an earlier spec.
fn rollback_to(annotation: Option<&str>, generation: i64) -> Option<&str> {
    match annotation?.split_once('@') {
        Some((hash, at)) => (at.parse() == Ok(generation)).then_some(hash),
        None => annotation,
    }
}

struct Stored<'a> {
    context: &'a Context,
    key: &'a Key,
}

impl Stored<'_> {
    async fn if_wanted(&self, wanted: bool, hash: Option<&str>) -> Result<Option<Arc<Revision>>, Error> {
        let Some(hash) = hash.filter(|hash| wanted && !hash.is_empty()) else { return Ok(None) };
        if let Some(known) = self.context.memory.of(self.key, |m| m.revisions.get(hash).cloned()) {
            return Ok(Some(known));
        }
        let name = object_name(&self.key.name, hash);
        let resource = kind().resource();
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.context.client.clone(), &self.key.namespace, &resource);
        let found =
            api.get_opt(&name).await.map_err(Error::api(format!("read ControllerRevision {name}")))?;
        let Some(found) = found else { return Ok(None) };
        match revision::decode(&found.data["data"]) {
            Ok(revision) => Ok(Some(Arc::new(revision))),
            Err(damaged) => Err(Error::Input(format!("ControllerRevision {name}: {damaged}"))),
        }
    }

    fn keep_only(&self, revisions: Vec<Arc<Revision>>) {
        self.context.memory.of(self.key, |m| {
            m.revisions = revisions.into_iter().map(|revision| (revision.hash(), revision)).collect();
        });
    }
}

fn kind() -> &'static Kind {
    Kind::named("ControllerRevision").expect("the table of kinds has revisions")
}

/// Stores the revision, as the newest, before anything of it is applied.
pub async fn store(
    writer: &Writer,
    key: &Key,
    revision: &Revision,
    children: &Children,
) -> Result<(), Error> {
    let (all, hash) = (entries(children), revision.hash());
    let newest = all.last().map_or(0, |entry| entry.number);
    match all.iter().find(|entry| entry.hash == hash) {
        Some(entry) if entry.number == newest => Ok(()),
        Some(_) => {
            let name = object_name(&key.name, &hash);
            let patch = json!({"revision": newest.saturating_add(1)});
            writer.merge(kind(), &key.namespace, &name, &patch).await.map(drop)
        }
        None => {
            let object = revision::object(key, revision, newest.saturating_add(1));
            let object = object.map_err(|damaged| Error::Input(format!("revision {hash}: {damaged}")))?;
            match writer.create(kind(), &key.namespace, &object).await {
                // Made moments ago; the cache doesn't know it yet.
                Err(e) if e.is_conflict() => Ok(()),
                other => other.map(drop),
            }
        }
    }
}

/// Removes the oldest revisions beyond the limit; never one that runs, or last ran well.
pub async fn trim(
    writer: &Writer,
    platform: &OrionPlatform,
    children: &Children,
    keep: &[String],
) -> Result<(), Error> {
    let limit = usize::try_from(platform.spec.rollout.revision_history_limit).unwrap_or(1).max(1);
    for object in revision::surplus(children, limit, keep) {
        writer.delete(kind(), object).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::rollback_to;

    #[test]
    fn a_wish_to_go_back_ends_with_the_next_change_of_the_spec_if_it_says_so() {
        assert_eq!(rollback_to(None, 3), None);
        assert_eq!(rollback_to(Some("abcd"), 3), Some("abcd"));
        assert_eq!(rollback_to(Some("abcd@3"), 3), Some("abcd"));
        assert_eq!(rollback_to(Some("abcd@3"), 4), None);
        assert_eq!(rollback_to(Some("abcd@x"), 4), None);
    }
}
