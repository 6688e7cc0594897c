//! How backups are, from the CronJob and its last pods alone. Pure.

use super::cache::{Children, UNIT, label, name};
use super::turns::Turn;
use super::why;
use crate::api::{BackupSpec, BackupStatus, Mode, OrionPlatformSpec, OrionPlatformStatus};
use crate::plan::BACKUP;
use crate::plan::cron::Schedule;
use catalog::Store;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// The condition: the last backup is complete, and not older than it may be.
pub const CURRENT: &str = "BackupCurrent";

/// Adds to a status what is known of backups; what was known stays where nothing newer is.
pub fn report(
    status: &mut OrionPlatformStatus,
    before: &OrionPlatformStatus,
    spec: &OrionPlatformSpec,
    children: &Children,
    now: Timestamp,
) {
    status.conditions.retain(|condition| condition.type_ != CURRENT);
    status.backup = None;
    let Some(wanted) = &spec.backup else { return };
    let job = children.iter().find(|((kind, _), o)| *kind == "CronJob" && label(o, UNIT) == Some(BACKUP));
    let Some((_, job)) = job else { return };
    let mut known = observe(before.backup.clone().unwrap_or_default(), job, children);
    let elsewhere = elsewhere(spec);
    known.left_out = elsewhere.iter().map(|(store, _)| store.name().to_owned()).collect();
    let (is, reason, mut message) = verdict(wanted, &known, job, now);
    if let Some(missing) = missing(&elsewhere) {
        message = if message.is_empty() { missing } else { format!("{message}; {missing}") };
    }
    let kind_is = |c: &&Condition| c.type_ == CURRENT && (c.status == "True") == is;
    let since = before.conditions.iter().find(kind_is).map_or(Time(now), |c| c.last_transition_time.clone());
    status.conditions.push(Condition {
        type_: CURRENT.to_owned(),
        status: if is { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: Some(status.observed_generation),
        last_transition_time: since,
    });
    status.backup = Some(known);
}

/// The stores that are in no backup, and how they are had.
fn elsewhere(spec: &OrionPlatformSpec) -> Vec<(Store, Mode)> {
    let of = |store: Store| Some((store, spec.store(store)?.mode()));
    let all = [Store::Postgres, Store::Redis].into_iter().filter_map(of);
    all.filter(|(_, mode)| *mode != Mode::Managed).collect()
}

fn missing(elsewhere: &[(Store, Mode)]) -> Option<String> {
    let named: Vec<String> =
        elsewhere.iter().map(|(store, mode)| format!("{} ({})", store.name(), mode.word())).collect();
    (!named.is_empty()).then(|| format!("not in it: {}, to be backed up where it runs", named.join(" and ")))
}

fn observe(mut known: BackupStatus, job: &Value, children: &Children) -> BackupStatus {
    let of_job = &job["status"];
    let succeeded = time(&of_job["lastSuccessfulTime"]);
    let scheduled = time(&of_job["lastScheduleTime"]);
    let active = of_job["active"].as_array().is_some_and(|active| !active.is_empty());
    if let Some(failed) =
        scheduled.clone().filter(|scheduled| !active && succeeded.as_ref() < Some(scheduled))
    {
        known.last_failed = Some(failed);
    }
    known.last_successful = succeeded.or(known.last_successful);
    let mut pods: Vec<&Value> = super::observe::pods(BACKUP, children).collect();
    pods.sort_by_key(|pod| pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned());
    let done = pods.iter().rev().find(|pod| pod["status"]["phase"] == "Succeeded");
    if let Some(said) = done.and_then(|pod| said(pod)) {
        known.last_backup = Some(said.split(':').next().unwrap_or_default().to_owned());
        known.message = Some(said);
    }
    if failing(&known) {
        let failed: Vec<&Value> = pods.into_iter().filter(|pod| pod["status"]["phase"] == "Failed").collect();
        // Without a pod to ask, what was known of the failure stays.
        if let Some(cause) = why::cause(BACKUP, None, &failed) {
            known.message = Some(cause);
        }
    }
    known
}

/// The last backup that was begun came to nothing.
fn failing(known: &BackupStatus) -> bool {
    known.last_failed.as_ref().is_some_and(|failed| known.last_successful.as_ref() < Some(failed))
}

/// What the last step has said: the backup's name, and what is in it.
fn said(pod: &Value) -> Option<String> {
    let containers = pod["status"]["containerStatuses"].as_array()?;
    let said = containers.iter().find_map(|c| c["state"]["terminated"]["message"].as_str())?;
    Some(said.trim().to_owned())
}

fn verdict(
    spec: &BackupSpec,
    known: &BackupStatus,
    job: &Value,
    now: Timestamp,
) -> (bool, &'static str, String) {
    let message = known.message.clone().unwrap_or_default();
    if failing(known) {
        return (false, "BackupFailed", message);
    }
    let gap = Schedule::parse(&spec.schedule).map_or(0, |schedule| schedule.longest_gap());
    // A platform that is younger than that is not behind.
    let made = time(&job["metadata"]["creationTimestamp"]);
    let age = known.last_successful.clone().or(made).map_or(0, |since| now.as_second() - since.0.as_second());
    if gap > 0 && u64::try_from(age).unwrap_or(0) > 2 * gap {
        let suspended = if spec.suspend { ", and backup.suspend is true" } else { "" };
        let last = match &known.last_successful {
            Some(time) => format!("the last backup is of {}", time.0),
            None => format!("{} has made no backup yet", name(job)),
        };
        return (false, "BackupOverdue", format!("{last}: more than two times have passed since{suspended}"));
    }
    match known.last_successful {
        Some(_) => (true, "BackupComplete", message),
        None => (true, "NotDueYet", "no backup was due yet".to_owned()),
    }
}

fn time(value: &Value) -> Option<Time> {
    value.as_str()?.parse().ok().map(Time)
}

/// That a backup is not all of the platform is worth a warning, once.
pub fn partial(before: &OrionPlatformStatus, now: &OrionPlatformStatus) -> Option<Turn> {
    let left_out = |status: &OrionPlatformStatus| status.backup.clone().unwrap_or_default().left_out;
    let stores = left_out(now);
    (!stores.is_empty() && stores != left_out(before)).then(|| Turn {
        warning: true,
        reason: "BackupPartial".to_owned(),
        note: format!("backups are without {}: it is to be backed up where it runs", stores.join(" and ")),
    })
}

/// What turned.
pub fn turn(before: &OrionPlatformStatus, now: &OrionPlatformStatus) -> Option<Turn> {
    let known = now.backup.as_ref()?;
    let old = before.backup.clone().unwrap_or_default();
    let turn = |warning, reason: &str| Turn {
        warning,
        reason: reason.to_owned(),
        note: known.message.clone().unwrap_or_default(),
    };
    if failing(known) && old.last_failed != known.last_failed {
        return Some(turn(true, "BackupFailed"));
    }
    (known.last_backup.is_some() && known.last_backup != old.last_backup)
        .then(|| turn(false, "BackupComplete"))
}
