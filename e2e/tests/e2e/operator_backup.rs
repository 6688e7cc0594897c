//! The disaster: a platform is lost with its volumes, and a new one gets everything back from a backup.

use anyhow::{Context, Result};
use e2e::client::Gateway;
use e2e::status::message;
use e2e::{Arena, eventually, scene, tools};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use serde_json::{Value, json};

const CRON_JOB: &str = "orion-backup";
/// What the runbook says to save when backups are set up: keys with which services seal what they store.
const KEYS: &str = "orion-auth-keys";

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_was_lost_with_its_volumes_is_there_again_from_a_backup() -> Result<()> {
    scene("backup-restore", async |arena| {
        arena.apply(spec(None)).await?;
        arena.until_ready().await?;
        let person = json!({
            "email": "ada@example.com", "username": "ada", "password": "correct horse battery staple",
            "firstName": "Ada", "lastName": "Lovelace",
        });
        Gateway::of(arena).await?.post("/api/user/register", None, person).await?.expect(201);
        let keys = saved(arena).await?;
        let backup = back_up(arena).await?;
        from_the_command_line(arena, &backup).await?;

        lose(arena).await?;
        arena.apply(spec(Some(&backup))).await?;
        // Without the keys, the sealed half of the data would be lost: that is said before anything is done.
        arena
            .until("the restore asks for the keys", |platform| {
                let said = message(platform, "restore");
                said.contains(&backup) && said.contains("apply the Secrets that you saved")
            })
            .await?;
        arena.api::<Secret>().create(&PostParams::default(), &keys).await?;
        arena.until_ready().await?;

        let known = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
        let gateway = Gateway::of(arena).await?;
        let login = gateway.post("/api/auth/login", None, known).await?.expect(200);
        let profile =
            gateway.get("/api/user/profile", Some(login.text_at("/access_token"))).await?.expect(200);
        assert_eq!(profile.text_at("/firstName"), "Ada");
        a_wish_that_is_taken_back_restarts_nothing(arena).await
    })
    .await
}

/// Another backup, both in the list, and no restore without somebody to ask.
async fn from_the_command_line(arena: &Arena, first: &str) -> Result<()> {
    let orion = async |arguments: &[&str]| {
        let all = [arguments, &["-n", &arena.namespace]].concat();
        let output = tools::orion(&arena.ground.cluster, &all).await?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        anyhow::Ok((output.status.code(), text))
    };
    let (code, text) = orion(&["backup", "--wait"]).await?;
    assert!(code == Some(0) && text.contains("bytes"), "{text}");
    let (code, text) = orion(&["backups"]).await?;
    let rows = text.lines().filter(|line| line.contains('Z') && line.contains("iB"));
    assert!(code == Some(0) && text.contains(first) && rows.count() == 2, "{text}");
    let (code, text) = orion(&["restore", first]).await?;
    assert!(code == Some(2) && text.contains("--yes") && text.contains("takes the place"), "{text}");
    Ok(())
}

fn spec(restore: Option<&str>) -> Value {
    let mut spec = json!({
        "exposure": {"nodePort": {}},
        "deletionPolicy": "Delete",
        "backup": {"schedule": "0 3 * * *", "to": {"volume": {"storage": "1Gi"}}},
        // A wait for a person is no failure of the rollout.
        "rollout": {"tierTimeout": "1h"},
    });
    if let Some(backup) = restore {
        spec["restore"] = json!({"backup": backup});
    }
    spec
}

/// The Secret as a person saves it: without what the cluster has added.
async fn saved(arena: &Arena) -> Result<Secret> {
    let secret = arena.api::<Secret>().get(KEYS).await?;
    let metadata = ObjectMeta {
        name: secret.metadata.name.clone(),
        labels: secret.metadata.labels.clone(),
        ..ObjectMeta::default()
    };
    Ok(Secret { metadata, data: secret.data, type_: secret.type_, ..Secret::default() })
}

/// As `kubectl create job --from=cronjob/orion-backup` does it; the backup's name, from the platform's status.
async fn back_up(arena: &Arena) -> Result<String> {
    let cron = arena.api::<CronJob>().get(CRON_JOB).await?;
    let template = cron.spec.clone().job_template;
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "name": CRON_JOB, "uid": cron.uid(), "controller": true,
    });
    let job: Job = serde_json::from_value(json!({
        "metadata": {
            "name": "by-hand",
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [owner],
        },
        "spec": template.spec,
    }))?;
    arena.api::<Job>().create(&PostParams::default(), &job).await?;
    let last = |platform: &operator::api::OrionPlatform| {
        platform.status.as_ref()?.backup.as_ref().filter(|b| b.last_successful.is_some())?.last_backup.clone()
    };
    let platform = arena.until("the backup is complete", |platform| last(platform).is_some()).await?;
    last(&platform).context("it was just there")
}

/// Everything but the backups.
async fn lose(arena: &Arena) -> Result<()> {
    arena.platforms.delete("orion", &DeleteParams::background()).await?;
    eventually("the platform is gone", async || {
        Ok(arena.platforms.get_opt("orion").await?.is_none().then_some(()))
    })
    .await?;
    assert!(arena.api::<Secret>().get_opt(KEYS).await?.is_none(), "the keys are still there");
    let claims = arena.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
    let left: Vec<String> = claims
        .iter()
        .filter(|c| c.metadata.deletion_timestamp.is_none())
        .map(ResourceExt::name_any)
        .collect();
    assert_eq!(left, ["orion-backup-data"]);
    Ok(())
}

async fn a_wish_that_is_taken_back_restarts_nothing(arena: &Arena) -> Result<()> {
    let pods = async || -> Result<Vec<Option<String>>> {
        Ok(arena.pods("auth").await?.iter().map(ResourceExt::uid).collect())
    };
    let before = pods().await?;
    arena.edit(json!({"restore": null})).await?;
    arena.until_ready().await?;
    eventually("the Job is gone", async || {
        let jobs =
            arena.api::<Job>().list(&ListParams::default().labels("app.kubernetes.io/name=restore")).await?;
        Ok(jobs.items.is_empty().then_some(()))
    })
    .await?;
    assert_eq!(pods().await?, before);
    Ok(())
}
