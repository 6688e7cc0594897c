//! `orion backup`: makes a backup now, as `kubectl create job --from=cronjob/…` does it.

use super::full_name;
use crate::args::Backup;
use crate::problem::explain;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, PostParams};
use operator::api::OrionPlatform;
use operator::plan::BACKUP;
use serde_json::json;
use std::time::Duration;

/// Which Job is somebody's who did not wait for the schedule.
const BY_HAND: &str = "cronjob.kubernetes.io/instantiate";
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn run(session: &Session, options: &Backup, screen: &mut Screen<'_>) -> Result<()> {
    let platform = session.platform(options.name.as_deref()).await?;
    let name = full_name(&platform);
    let cron = cron_job(session, &platform).await?;
    if let Some(job) = jobs_of(session, &cron).await?.iter().find(|job| state(job) == State::Running) {
        bail!("{name}: a backup is being made already (Job {}): wait for it", job.name_any());
    }
    let job = job(&cron, Timestamp::now().as_second())?;
    let made = session.api::<Job>().create(&PostParams::default(), &job).await;
    let job = made.map_err(explain("begin a backup"))?.name_any();
    if !options.wait {
        screen.say(&format!("{name}: a backup is begun (Job {job}), see `orion backups`"))?;
        return Ok(());
    }
    screen.say(&format!("{name}: a backup is being made (Job {job})"))?;
    let said = until_done(session, &job).await?;
    screen.say(&format!("{name}: {said}"))?;
    Ok(())
}

/// The CronJob by which the operator makes backups.
pub(super) async fn cron_job(session: &Session, platform: &OrionPlatform) -> Result<CronJob> {
    let name = full_name(platform);
    if platform.spec.backup.is_none() {
        bail!("{name} has no backups: write spec.backup, as in docs/runbooks/backup-and-restore.md");
    }
    let cron = catalog::object_name(&platform.name_any(), BACKUP);
    let found = session.api::<CronJob>().get_opt(&cron).await.map_err(explain("read the CronJob"))?;
    found.with_context(|| {
        format!("{name}: there is no CronJob {cron} yet, the operator has not come to it: see `orion why {BACKUP}`")
    })
}

pub(super) async fn jobs_of(session: &Session, cron: &CronJob) -> Result<Vec<Job>> {
    let mut jobs =
        session.api::<Job>().list(&ListParams::default()).await.map_err(explain("list Jobs"))?.items;
    jobs.retain(|job| job.owner_references().iter().any(|owner| Some(&owner.uid) == cron.uid().as_ref()));
    Ok(jobs)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Complete,
    Failed,
}

pub(super) fn state(job: &Job) -> State {
    let is = |kind: &str| {
        let conditions = job.status.as_ref().and_then(|status: &JobStatus| status.conditions.as_ref());
        conditions.into_iter().flatten().any(|c| c.type_ == kind && c.status == "True")
    };
    match () {
        () if is("Complete") => State::Complete,
        () if is("Failed") => State::Failed,
        () => State::Running,
    }
}

/// The seconds make it another one than any before.
fn job(cron: &CronJob, now: i64) -> Result<Job> {
    let (name, template) = (cron.name_any(), &cron.spec.job_template);
    let labels = template.metadata.as_ref().and_then(|metadata| metadata.labels.clone());
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "name": name, "uid": cron.uid(), "controller": true,
    });
    let job = json!({
        "metadata": {
            "name": format!("{name}-{now}"),
            "labels": labels,
            "annotations": {BY_HAND: "manual"},
            "ownerReferences": [owner],
        },
        "spec": template.spec,
    });
    serde_json::from_value(job)
        .context("the CronJob is of another form: use the orion of the operator's version")
}

/// What the Job's last step has said.
async fn until_done(session: &Session, name: &str) -> Result<String> {
    loop {
        let job = session.api::<Job>().get(name).await.map_err(explain("look after the backup"))?;
        let state = state(&job);
        if state != State::Running {
            let said = said(&pods_of(session, name).await?);
            return match state {
                State::Complete => Ok(said.unwrap_or_else(|| "the backup is complete".to_owned())),
                _ => bail!(
                    "the backup failed: {}",
                    said.unwrap_or_else(|| format!("see the pods of Job {name}"))
                ),
            };
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(super) async fn pods_of(session: &Session, job: &str) -> Result<Vec<Pod>> {
    let of_job = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
    Ok(session.api::<Pod>().list(&of_job).await.map_err(explain("list the backup's pods"))?.items)
}

/// What the newest pod's containers left when they ended, the last of them first.
pub(super) fn said(pods: &[Pod]) -> Option<String> {
    let newest = pods.iter().max_by_key(|pod| pod.creation_timestamp().map(|time| time.0))?;
    let status = newest.status.as_ref()?;
    let last = status.container_statuses.iter().flatten();
    let mut all = last.chain(status.init_container_statuses.iter().flatten().rev());
    all.find_map(|container| {
        let message = container.state.as_ref()?.terminated.as_ref()?.message.as_ref()?;
        Some(message.trim().to_owned()).filter(|text| !text.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron() -> CronJob {
        let spec = json!({"schedule": "0 3 * * *", "jobTemplate": {"spec": {
            "backoffLimit": 2, "template": {"spec": {"containers": [{"name": "commit"}]}},
        }}});
        let cron = json!({"metadata": {"name": "orion-backup", "uid": "abc"}, "spec": spec});
        serde_json::from_value(cron).unwrap()
    }

    #[test]
    fn a_backup_by_hand_is_the_cron_jobs_own_job_and_no_two_have_a_name() {
        let (one, other) = (job(&cron(), 1).unwrap(), job(&cron(), 2).unwrap());
        assert_ne!(one.metadata.name, other.metadata.name);
        let owner = &one.owner_references()[0];
        assert_eq!((owner.uid.as_str(), owner.controller), ("abc", Some(true)));
        assert_eq!(one.annotations()[BY_HAND], "manual");
        assert_eq!(one.spec.as_ref().unwrap().backoff_limit, Some(2));
        assert!(format!("{}-backup-{}", "a".repeat(40), i64::from(u32::MAX)).len() <= 63);
    }

    #[test]
    fn what_a_job_has_come_to_is_in_its_conditions() {
        let mut job = job(&cron(), 1).unwrap();
        assert_eq!(state(&job), State::Running);
        for (kind, comes_to) in [("Complete", State::Complete), ("Failed", State::Failed)] {
            let status = json!({"conditions": [{"type": kind, "status": "True"}]});
            job.status = Some(serde_json::from_value(status).unwrap());
            assert_eq!(state(&job), comes_to);
        }
    }

    #[test]
    fn the_newest_pods_last_word_is_told() {
        let pod = |made: &str, init: &str, last: &str| -> Pod {
            let ended = |text: &str| {
                json!([{"name": "c", "image": "", "imageID": "", "ready": false,
                "restartCount": 0, "state": {"terminated": {"exitCode": 1, "message": text}}}])
            };
            let status = json!({"initContainerStatuses": ended(init), "containerStatuses": ended(last)});
            let pod = json!({"metadata": {"name": made, "creationTimestamp": made}, "status": status});
            serde_json::from_value(pod).unwrap()
        };
        let old = pod("2026-11-24T03:00:00Z", "", "old\n");
        let new = pod("2026-11-24T04:00:00Z", "s3: NoSuchBucket\n", "");
        assert_eq!(said(&[new, old]).as_deref(), Some("s3: NoSuchBucket"));
        assert_eq!(said(&[]), None);
    }
}
