//! Volumes that the cluster doesn't let grow, the stores' and the one for backups: what stands still for it, what goes on,
//! and how it is taken back.

use anyhow::Result;
use e2e::stage::{Scene, scene};
use e2e::status;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use operator::api::{OrionPlatform, Phase};
use serde_json::{Value, json};

use crate::support::{generation, is, service};

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_was_refused_is_taken_back_by_writing_the_one_that_there_is() -> Result<()> {
    scene("volumes-back", async |scene| {
        let class = class_that_grows_nothing(scene).await?;
        scene.apply(json!({"redis": {"managed": {"storageClass": class}}})).await?;
        bind(scene, "orion-redis-data", "1Gi").await?;
        scene.until_ready().await?;
        scene.edit(json!({"redis": {"managed": {"storage": "5Gi"}}})).await?;
        let stuck = scene.until("the volume can't grow", is(Phase::Stalled)).await?;
        let said = status::condition(&stuck, "Stalled").map(|c| (c.reason.clone(), c.message.clone()));
        let (reason, message) = said.unwrap_or_default();
        assert_eq!(reason, "VolumeResize", "{}", status::told(&stuck));
        assert!(message.contains("orion-redis-data can't grow from 1Gi to 5Gi"), "{message}");
        scene.edit(json!({"redis": {"managed": {"storage": "500Mi"}}})).await?;
        let less = scene.until("less than there is is refused", is(Phase::Invalid)).await?;
        assert!(told(&less).contains("500Mi is less than the 1Gi of volume claim"), "{}", told(&less));
        scene.edit(json!({"redis": {"managed": {"storage": "1Gi"}}})).await?;
        scene.until_ready().await?;
        forget(scene, "orion-redis-data").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_for_backups_that_can_not_grow_is_named_and_stalls_nobody() -> Result<()> {
    scene("volumes-backup", async |scene| {
        let mut spec = backups("1Gi");
        spec["backup"]["to"]["volume"]["storageClass"] = class_that_grows_nothing(scene).await?.into();
        scene.apply(spec).await?;
        scene.until_ready().await?;
        bind(scene, "orion-backup-data", "1Gi").await?;
        scene.edit(backups("5Gi")).await?;
        let why = "volume claim orion-backup-data can't grow from 1Gi to 5Gi";
        let named = |p: &OrionPlatform| status::message(p, "backup").contains(why);
        let platform = scene.until("it is named", |p| named(p) && is(Phase::Degraded)(p)).await?;
        assert!(!status::is_true(&platform, "Stalled"), "{}", status::told(&platform));
        let degraded = status::condition(&platform, "Degraded").map(|c| c.message.clone());
        assert!(degraded.unwrap_or_default().contains(why), "{}", status::told(&platform));
        scene.edit(service("auth", json!({"env": [{"name": "GREETING", "value": "hello"}]}))).await?;
        let changed = async || Ok((generation(scene, "auth").await? == Some(2)).then_some(()));
        scene.eventually("another edit is rolled out", changed).await?;
        scene.edit(backups("500Mi")).await?;
        let less = scene.until("less than there is is refused", is(Phase::Invalid)).await?;
        assert!(
            told(&less).contains("spec.backup.to.volume.storage: 500Mi is less than the 1Gi"),
            "{}",
            told(&less)
        );
        scene.edit(backups("1Gi")).await?;
        let well = |p: &OrionPlatform| status::is_ready(p) && !status::is_true(p, "Degraded");
        scene.until("all is well", well).await?;
        forget(scene, "orion-backup-data").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_all_of_the_platform_says_so_and_is_told_once() -> Result<()> {
    scene("volumes-partial", async |scene| {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "elsewhere"},
            "stringData": {"auth-url": "postgres://a", "user-url": "postgres://u"},
        });
        let secrets: Api<k8s_openapi::api::core::v1::Secret> = scene.api();
        secrets.create(&PostParams::default(), &serde_json::from_value(secret)?).await?;
        let mut spec = backups("1Gi");
        spec["postgres"] = json!({"external": {"provisioning": "None", "secretRef": {"name": "elsewhere"}}});
        scene.apply(spec).await?;
        let platform = scene.until_ready().await?;
        let known = platform.status.as_ref().and_then(|status| status.backup.clone()).unwrap_or_default();
        assert_eq!(known.left_out, ["postgres"]);
        let current = status::condition(&platform, "BackupCurrent").map(|c| c.message.clone());
        assert!(
            current.unwrap_or_default().contains("not in it: postgres (external)"),
            "{}",
            status::told(&platform)
        );
        // Another operator knows what it has been told.
        scene.crash().await;
        scene.edit(service("auth", json!({"env": [{"name": "GREETING", "value": "hello"}]}))).await?;
        scene.until_ready().await?;
        let events = scene.api::<Event>().list(&ListParams::default()).await?;
        let partial = events.iter().filter(|event| event.reason.as_deref() == Some("BackupPartial"));
        assert_eq!(partial.count(), 1);
        Ok(())
    })
    .await
}

fn told(platform: &OrionPlatform) -> &str {
    platform.status.as_ref().and_then(|status| status.message.as_deref()).unwrap_or_default()
}

fn backups(storage: &str) -> Value {
    json!({"backup": {"schedule": "0 3 * * *", "to": {"volume": {"storage": storage}}}})
}

/// The volume's name, and its class's, both of them the whole cluster's.
fn own_name(scene: &Scene, what: &str) -> String {
    format!("{}-{what}", scene.namespace)
}

async fn class_that_grows_nothing(scene: &Scene) -> Result<String> {
    let name = own_name(scene, "fixed");
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "kubernetes.io/no-provisioner",
    });
    let classes: Api<StorageClass> = Api::all(scene.client.clone());
    classes.create(&PostParams::default(), &serde_json::from_value(class)?).await?;
    Ok(name)
}

/// Gives a claim of that class a volume; waits until it has it.
async fn bind(scene: &Scene, claim: &str, size: &str) -> Result<()> {
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": own_name(scene, claim)},
        "spec": {
            "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": own_name(scene, "fixed"),
            "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/nowhere"},
            "claimRef": {"namespace": scene.namespace, "name": claim},
        },
    });
    let volumes: Api<PersistentVolume> = Api::all(scene.client.clone());
    volumes.create(&PostParams::default(), &serde_json::from_value(volume)?).await?;
    let claims = scene.api::<PersistentVolumeClaim>();
    let bound = async || {
        let status = claims.get(claim).await?.status.unwrap_or_default();
        Ok((status.phase.as_deref() == Some("Bound")).then_some(()))
    };
    scene.eventually("the claim has its volume", bound).await
}

async fn forget(scene: &Scene, claim: &str) -> Result<()> {
    let volumes: Api<PersistentVolume> = Api::all(scene.client.clone());
    volumes.delete(&own_name(scene, claim), &DeleteParams::default()).await?;
    let classes: Api<StorageClass> = Api::all(scene.client.clone());
    classes.delete(&own_name(scene, "fixed"), &DeleteParams::default()).await?;
    Ok(())
}
