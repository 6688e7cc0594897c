//! Rules that the schema cannot state because they need the catalog: what a spec asks for must be able to run.

pub mod major;
pub mod stores;

use crate::api::{OrionPlatform, OrionPlatformSpec};
use crate::plan::cron::Schedule;
use crate::plan::quantity;
use catalog::{SERVICES, STORES, Store};

/// One reason why a spec can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Invalid {
    /// Where in the object, as in `spec.services[auth].enabled`.
    pub field: String,
    /// What is wrong and what to write.
    pub message: String,
}

/// Every reason at once, so that a person mends a manifest in one go.
pub fn validate(platform: &OrionPlatform) -> Result<(), Vec<Invalid>> {
    let spec = &platform.spec;
    let mut found = disabled_needs(spec);
    found.extend(unknown_services(spec));
    found.extend(newer_version(spec));
    found.extend(too_little_memory(spec));
    found.extend(backup(spec));
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// A service that others can't work without must not be switched off under them.
fn disabled_needs(spec: &OrionPlatformSpec) -> Vec<Invalid> {
    let disabled = SERVICES.iter().filter(|service| !spec.enabled(service.name));
    let broken = disabled.filter_map(|service| {
        let above = SERVICES.iter().filter(|s| spec.enabled(s.name) && s.needs_hard(service.name));
        let above: Vec<&str> = above.map(|s| s.name).collect();
        (!above.is_empty()).then_some((service.name, above.join(" and ")))
    });
    broken
        .map(|(name, above)| Invalid {
            field: format!("spec.services[{name}].enabled"),
            message: format!(
                "{name} can't be disabled, {above} can't work without it: write enabled: true, or enabled: false \
                 for {above} too"
            ),
        })
        .collect()
}

/// The schema lists the services that exist, but it may be of another version than the operator.
fn unknown_services(spec: &OrionPlatformSpec) -> Vec<Invalid> {
    let unknown = spec.services.iter().filter(|s| catalog::service(&s.name).is_none());
    let known = || SERVICES.iter().map(|s| s.name).collect::<Vec<_>>().join(", ");
    unknown
        .map(|service| Invalid {
            field: format!("spec.services[{}]", service.name),
            message: format!("this operator has no such service: use one of {}", known()),
        })
        .collect()
}

fn newer_version(spec: &OrionPlatformSpec) -> Option<Invalid> {
    let wanted = spec.version.as_deref()?;
    (numbers(wanted) > numbers(crate::version())).then(|| Invalid {
        field: "spec.version".to_owned(),
        message: format!(
            "{wanted} is newer than this operator: upgrade the operator first, or write at most {}",
            crate::version(),
        ),
    })
}

/// A schedule has meanings that a pattern can't tell, and stores of others are theirs to back up.
fn backup(spec: &OrionPlatformSpec) -> Vec<Invalid> {
    let mut found = Vec::new();
    let mut say = |field: &str, message: String| found.push(Invalid { field: field.to_owned(), message });
    if let Some(Err(wrong)) = spec.backup.as_ref().map(|backup| Schedule::parse(&backup.schedule)) {
        say("spec.backup.schedule", wrong);
    }
    let elsewhere = |store: Store| spec.store(store).is_some_and(|s| !s.mode().is_own());
    if elsewhere(Store::Postgres) && elsewhere(Store::Redis) {
        let why = "postgres and redis run elsewhere and are not the operator's to back up: back them up there, and leave \
                   this out";
        for (field, given) in
            [("spec.backup", spec.backup.is_some()), ("spec.restore", spec.restore.is_some())]
        {
            if given {
                say(field, why.to_owned());
            }
        }
    }
    found
}

/// Major, minor and patch. What comes before a release sorts with it: the same operator runs both.
pub fn numbers(version: &str) -> Vec<u64> {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    release.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}

/// Below these a store is killed at its start, which would look like a fault of the store.
fn too_little_memory(spec: &OrionPlatformSpec) -> Vec<Invalid> {
    let least = |store: Store| match store {
        Store::Postgres => "128Mi",
        Store::Redis => "32Mi",
        Store::Rabbitmq => "256Mi",
    };
    let given = STORES.iter().filter_map(|entry| {
        let store = spec.store(entry.store)?;
        let managed = store.managed.as_ref().and_then(|managed| managed.resources.as_ref());
        let resources =
            managed.or(store.sentinel.as_ref().and_then(|sentinel| sentinel.resources.as_ref()))?;
        Some((entry, store.mode().word(), resources.limits.as_ref()?.memory.as_deref()?))
    });
    given
        .filter(|(entry, _, limit)| quantity::milli(limit) < quantity::milli(least(entry.store)))
        .map(|(entry, mode, limit)| Invalid {
            field: format!("spec.{}.{mode}.resources.limits.memory", entry.name),
            message: format!(
                "{} can't start with {limit}: write at least {}",
                entry.name,
                least(entry.store)
            ),
        })
        .collect()
}
