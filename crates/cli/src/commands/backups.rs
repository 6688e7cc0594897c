//! `orion backups`: which backups there are. Only who has the keys of the bucket, or the volume, can tell: a Job of the
//! cluster looks, in the image and with the mounts that backups are made with. No Secret is read here.

use super::backup::{State, cron_job, jobs_of, pods_of, said, state};
use super::full_name;
use crate::problem::explain;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, LogParams, PostParams};
use operator::api::OrionPlatform;
use serde_json::{Value, json};
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// For a pod that can't start: a person gave up before.
const PATIENCE: u32 = 120;

pub(crate) async fn run(session: &Session, name: Option<&str>, screen: &mut Screen<'_>) -> Result<()> {
    let platform = session.platform(name).await?;
    let cron = cron_job(session, &platform).await?;
    let running = jobs_of(session, &cron).await?.iter().any(|job| state(job) == State::Running);
    let job = lister(&cron, Timestamp::now().as_millisecond())?;
    let made = session.api::<Job>().create(&PostParams::default(), &job).await;
    let made = made.map_err(explain("look which backups there are"))?;
    let listed = listed(session, &made.name_any()).await;
    // Whatever came of it, nothing of it stays.
    let gone = session.api::<Job>().delete(&made.name_any(), &DeleteParams::background()).await;
    let lines = lines(&platform, &listed?, running);
    gone.map_err(explain("remove the Job that looked"))?;
    screen.say(&lines.join("\n"))?;
    Ok(())
}

/// One container of a backup's pod, which lists instead of committing. Neither it nor its pod has the labels and the owner
/// by which the operator and the cluster would take it for a backup.
fn lister(cron: &CronJob, now: i64) -> Result<Job> {
    let template = cron.spec.job_template.spec.as_ref().context("the CronJob has no template")?;
    let mut pod = serde_json::to_value(&template.template.spec)?;
    let mut container = pod["containers"][0].take();
    let args: Vec<Value> = container["args"].as_array().cloned().unwrap_or_default();
    let Some((_, before)) = args.split_last() else {
        bail!("the CronJob is of another form: use the orion of the operator's version");
    };
    container["args"] = before.iter().cloned().chain([json!("list")]).collect();
    pod["containers"] = json!([container]);
    pod["initContainers"] = json!([]);
    let job = json!({
        "metadata": {"name": format!("{}-list-{now}", cron.name_any())},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": 300,
            "ttlSecondsAfterFinished": 300,
            "template": {"spec": pod},
        },
    });
    serde_json::from_value(job)
        .context("the CronJob is of another form: use the orion of the operator's version")
}

async fn listed(session: &Session, job: &str) -> Result<String> {
    for _ in 0..PATIENCE {
        let now = session.api::<Job>().get(job).await.map_err(explain("look after the Job that looks"))?;
        match state(&now) {
            State::Running => tokio::time::sleep(LOOK_EVERY).await,
            State::Failed => {
                let said = said(&pods_of(session, job).await?);
                bail!("{}", said.unwrap_or_else(|| "the pod that was to look could not".to_owned()));
            }
            State::Complete => {
                let pods = pods_of(session, job).await?;
                let pod = pods.first().context("the pod that looked is gone already: try again")?;
                let logs = session.api::<Pod>().logs(&pod.name_any(), &LogParams::default()).await;
                return logs.map_err(explain("read what it has found"));
            }
        }
    }
    bail!("the pod that is to look did not start: is the volume in use on another node, or the image away?")
}

fn lines(platform: &OrionPlatform, listed: &str, running: bool) -> Vec<String> {
    let backup = platform.status.as_ref().and_then(|status| status.backup.clone()).unwrap_or_default();
    let mut lines = Vec::new();
    for (name, bytes) in listed.lines().filter_map(|line| line.split_once(' ')) {
        let mark = if backup.last_backup.as_deref() == Some(name) { "last complete" } else { "" };
        let size = bytes.parse().map_or_else(|_| bytes.to_owned(), size);
        lines.push(format!("{name:<18} {size:>10}  {mark}").trim_end().to_owned());
    }
    match lines.is_empty() {
        true => lines
            .push(format!("{}: there is no backup yet, make one with `orion backup`", full_name(platform))),
        false => lines.insert(0, format!("{:<18} {:>10}", "BACKUP", "SIZE")),
    }
    if running {
        lines.push("one more is being made".to_owned());
    }
    if !backup.left_out.is_empty() {
        lines.push(format!("none has {}: it is backed up where it runs", backup.left_out.join(" and ")));
    }
    lines
}

fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = units.into_iter().find(|(power, _)| bytes >> power > 0);
    match fits {
        Some((power, unit)) => {
            format!("{}.{} {unit}", bytes >> power, ((bytes >> (power - 10)) % 1024) * 10 / 1024)
        }
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use operator::api::examples::platform;

    fn orion(backup: Value) -> OrionPlatform {
        let mut platform = platform("shop", "orion", "{}");
        platform.status = Some(serde_json::from_value(json!({"backup": backup})).unwrap());
        platform
    }

    #[test]
    fn each_backup_is_a_row_and_what_is_in_none_is_said() {
        let known = orion(json!({"lastBackup": "20261124T030000Z", "leftOut": ["postgres"]}));
        let listed = "20261124T030000Z 1572864\n20261123T030000Z unreadable\n";
        assert_eq!(
            lines(&known, listed, true),
            [
                "BACKUP                   SIZE",
                "20261124T030000Z      1.5 MiB  last complete",
                "20261123T030000Z   unreadable",
                "one more is being made",
                "none has postgres: it is backed up where it runs",
            ]
        );
        assert_eq!(
            lines(&orion(json!({})), "\n", false),
            ["shop/orion: there is no backup yet, make one with `orion backup`"]
        );
    }

    /// As the operator's own plan has it: what looks is what makes backups, and nobody takes it for one.
    #[test]
    fn what_looks_has_the_mounts_of_a_backup_and_neither_its_labels_nor_its_owner() {
        use operator::plan::{BACKUP, Inputs, plan};
        let platform = platform("shop", "orion", r#"{backup: {schedule: "0 3 * * *", to: {volume: {}}}}"#);
        let inputs = Inputs {
            platform: &platform,
            storekeeper_image: "storekeeper:1",
            operator_namespace: "orion-system",
            operator_version: "0.1.0",
        };
        let plan = plan(&inputs);
        let objects = &plan.unit(BACKUP).unwrap().objects;
        let cron: CronJob =
            serde_json::from_value(objects.iter().find(|o| o["kind"] == "CronJob").unwrap().clone()).unwrap();
        let job = serde_json::to_value(lister(&cron, 1).unwrap()).unwrap();
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod["containers"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            pod["containers"][0]["args"],
            json!(["backup", "--config", "/etc/orion/backup/backup.json", "list"])
        );
        assert_eq!(pod["initContainers"], json!([]));
        assert!(pod["volumes"].as_array().unwrap().iter().any(|volume| volume["name"] == "backups"));
        assert!(job["metadata"]["ownerReferences"].is_null() && job["metadata"]["labels"].is_null());
        assert!(job["spec"]["template"]["metadata"].get("labels").is_none_or(Value::is_null));
    }
}
