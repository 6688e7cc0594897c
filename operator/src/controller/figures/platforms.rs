//! The platforms as figures, as kube-state-metrics has Kubernetes' own objects: from what their statuses say. Pure.

use super::text::Text;
use crate::api::{OrionPlatform, OrionPlatformStatus, TierStatus, UnitStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use std::sync::Arc;

type Labels = Vec<(&'static str, String)>;

/// Every platform's series, in the order of their names.
pub fn text(platforms: &[Arc<OrionPlatform>]) -> String {
    let mut platforms: Vec<&OrionPlatform> = platforms.iter().map(AsRef::as_ref).collect();
    platforms.sort_by_key(|platform| (platform.namespace(), platform.name_any()));
    let mut text = Text::default();
    whole(&mut text, &platforms);
    conditions(&mut text, &platforms);
    tiers(&mut text, &platforms);
    backups(&mut text, &platforms);
    services(&mut text, &platforms);
    text.finish()
}

fn whole(text: &mut Text, platforms: &[&OrionPlatform]) {
    text.gauge(
        "orion_platform_info",
        "What a platform runs: version of the services and hash of the revision. Always 1.",
        each(platforms, |status| {
            let version = status.version.clone().unwrap_or_default();
            vec![(vec![("version", version), ("revision", status.revision.clone().unwrap_or_default())], 1)]
        }),
    );
    text.gauge(
        "orion_platform_created_timestamp_seconds",
        "When the platform was created.",
        platforms.iter().filter_map(|p| Some((of(p, []), p.creation_timestamp()?.0.as_second()))),
    );
    text.gauge(
        "orion_platform_generation",
        "The generation of the platform's spec.",
        platforms.iter().filter_map(|p| Some((of(p, []), p.metadata.generation?))),
    );
    text.gauge(
        "orion_platform_observed_generation",
        "The generation that the platform's status is about; -1 before the operator has looked at it.",
        each(platforms, |status| vec![(vec![], status.observed_generation)]),
    );
    text.gauge(
        "orion_platform_phase",
        "The platform in one word. 1 for the phase that it is in; the others are left out.",
        each(platforms, |status| {
            status.phase.map(|phase| (vec![("phase", format!("{phase:?}"))], 1)).into_iter().collect()
        }),
    );
}

fn conditions(text: &mut Text, platforms: &[&OrionPlatform]) {
    let states = |condition: &Condition| {
        ["true", "false", "unknown"].map(|state| {
            let is = condition.status.eq_ignore_ascii_case(state);
            (vec![("type", condition.type_.clone()), ("status", state.to_owned())], i32::from(is))
        })
    };
    text.gauge(
        "orion_platform_condition",
        "The platform's conditions: 1 for the status that each has, 0 for the others.",
        each(platforms, |status| status.conditions.iter().flat_map(states).collect()),
    );
}

fn tiers(text: &mut Text, platforms: &[&OrionPlatform]) {
    let labels = |tier: &TierStatus| vec![("tier", tier.tier.to_string()), ("tier_name", tier.name.clone())];
    text.gauge(
        "orion_platform_tier_phase",
        "A tier in one word. 1 for the phase that it is in; the others are left out.",
        each(platforms, |status| {
            let phase = |tier: &TierStatus| {
                let mut labels = labels(tier);
                labels.push(("phase", format!("{:?}", tier.phase)));
                (labels, 1)
            };
            status.tiers.iter().map(phase).collect()
        }),
    );
    text.gauge(
        "orion_platform_tier_progress_timestamp_seconds",
        "When the tier last made progress or turned to another phase; rollout.tierTimeout counts from here.",
        each(platforms, |status| {
            let since = |tier: &TierStatus| Some((labels(tier), tier.since.as_ref()?.0.as_second()));
            status.tiers.iter().filter_map(since).collect()
        }),
    );
}

fn backups(text: &mut Text, platforms: &[&OrionPlatform]) {
    text.gauge(
        "orion_platform_backup_last_success_timestamp_seconds",
        "When a backup of the platform was last complete.",
        each(platforms, |status| {
            let last = status.backup.as_ref().and_then(|backup| backup.last_successful.as_ref());
            last.map(|time| (vec![], time.0.as_second())).into_iter().collect()
        }),
    );
}

fn services(text: &mut Text, platforms: &[&OrionPlatform]) {
    let labels = |unit: &UnitStatus| vec![("service", unit.name.clone()), ("tier", unit.tier.to_string())];
    text.gauge(
        "orion_platform_service_pods_ready",
        "Pods of a part of the platform (a store, provisioning or a service) that are ready.",
        each(platforms, |status| status.services.iter().map(|unit| (labels(unit), unit.ready)).collect()),
    );
    text.gauge(
        "orion_platform_service_pods_desired",
        "Pods of a part of the platform that are wanted.",
        each(platforms, |status| status.services.iter().map(|unit| (labels(unit), unit.desired)).collect()),
    );
    text.gauge(
        "orion_platform_service_health",
        "How a part of the platform is by its own account. 1 for the health that it has; the others are left out.",
        each(platforms, |status| {
            let health = |unit: &UnitStatus| {
                let mut labels = labels(unit);
                labels.push(("health", format!("{:?}", unit.health)));
                (labels, 1)
            };
            status.services.iter().map(health).collect()
        }),
    );
}

/// The lines of each platform that the operator has said something about.
fn each<'a, V>(
    platforms: &'a [&OrionPlatform],
    lines: impl Fn(&OrionPlatformStatus) -> Vec<(Labels, V)> + 'a,
) -> impl Iterator<Item = (Labels, V)> + 'a
where
    V: 'a,
{
    platforms.iter().flat_map(move |platform| {
        let lines = platform.status.as_ref().map(&lines).unwrap_or_default();
        lines.into_iter().map(move |(labels, value)| (of(platform, labels), value))
    })
}

fn of(platform: &OrionPlatform, more: impl IntoIterator<Item = (&'static str, String)>) -> Labels {
    let own = [("namespace", platform.namespace().unwrap_or_default()), ("name", platform.name_any())];
    own.into_iter().chain(more).collect()
}
