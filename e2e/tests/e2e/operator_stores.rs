//! Stores: what would lose data is refused and changes nothing, volumes that can't grow stop nobody, and a store that
//! somebody else runs takes over.

use anyhow::Result;
use e2e::{Arena, eventually, scene, status};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, ResourceQuota, ResourceQuotaSpec, Secret};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams};
use operator::api::Phase;
use operator::controller::volumes::STORE_VERSION;
use operator::validate::stores::ALLOW_STORE_CHANGE;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_would_lose_data_is_refused_and_what_runs_is_healed_meanwhile() -> Result<()> {
    scene("operator-stores", async |arena| {
        arena.apply(json!({})).await?;
        arena.until_ready().await?;
        a_store_is_not_moved_without_a_word(arena).await?;
        another_major_version_is_refused(arena).await?;
        a_volume_grows_and_one_that_cannot_stops_nobody(arena).await
    })
    .await
}

async fn a_store_is_not_moved_without_a_word(arena: &Arena) -> Result<()> {
    arena
        .edit(json!({"redis": {"external": {"host": "redis.example.com", "secretRef": {"name": "r"}}}}))
        .await?;
    refused(arena, ALLOW_STORE_CHANGE).await?;
    let deployments = arena.api::<Deployment>();
    let before = deployments.get("orion-gateway").await?.uid();
    deployments.delete("orion-gateway", &DeleteParams::background()).await?;
    eventually("what is deleted comes back", async || {
        let now = deployments.get_opt("orion-gateway").await?;
        Ok(now.filter(|d| d.uid() != before && d.metadata.deletion_timestamp.is_none()).map(drop))
    })
    .await?;
    arena.api::<StatefulSet>().get("orion-redis").await?;
    arena.edit(json!({"redis": null})).await?;
    arena.until_ready().await.map(drop)
}

async fn refused(arena: &Arena, says: &str) -> Result<()> {
    let what = format!("it is refused with {says}");
    let platform = arena
        .until(&what, |platform| {
            let said = platform.status.as_ref().and_then(|status| status.message.as_deref());
            said.is_some_and(|said| said.contains(says))
        })
        .await?;
    assert_eq!(platform.status.as_ref().and_then(|status| status.phase), Some(Phase::Invalid));
    Ok(())
}

async fn another_major_version_is_refused(arena: &Arena) -> Result<()> {
    let claims = arena.api::<PersistentVolumeClaim>();
    eventually("the major version of what writes to the volume is noted", async || {
        let claim = claims.get("orion-rabbitmq-data").await?;
        Ok((claim.annotations().get(STORE_VERSION).map(String::as_str) == Some("4")).then_some(()))
    })
    .await?;
    arena
        .edit(json!({"rabbitmq": {"managed": {"image": "docker.io/library/rabbitmq:3.13-management"}}}))
        .await?;
    refused(arena, "was written by RabbitMQ 4: write an image of 4").await?;
    arena.edit(json!({"rabbitmq": null})).await?;
    arena.until_ready().await.map(drop)
}

async fn a_volume_grows_and_one_that_cannot_stops_nobody(arena: &Arena) -> Result<()> {
    let claims = arena.api::<PersistentVolumeClaim>();
    let has = async |size: &str| {
        let status = claims.get("orion-redis-data").await?.status;
        let given = status.and_then(|status| status.capacity?.get("storage").cloned());
        Ok((given.as_ref().map(|given| given.0.as_str()) == Some(size)).then_some(()))
    };
    arena.edit(json!({"redis": {"managed": {"storage": "2Gi"}}})).await?;
    eventually("the volume has grown", async || has("2Gi").await).await?;
    arena.until_ready().await?;
    // What all volumes may have together is spent.
    let quotas = arena.api::<ResourceQuota>();
    let mut quota = ResourceQuota::default();
    quota.metadata.name = Some("volumes".to_owned());
    let all = [("requests.storage".to_owned(), Quantity("15Gi".to_owned()))];
    quota.spec = Some(ResourceQuotaSpec { hard: Some(all.into()), ..ResourceQuotaSpec::default() });
    quotas.create(&PostParams::default(), &quota).await?;
    eventually("the quota counts", async || {
        let status = quotas.get("volumes").await?.status;
        Ok(status.and_then(|status| status.used).filter(|used| !used.is_empty()).map(drop))
    })
    .await?;
    arena.edit(json!({"redis": {"managed": {"storage": "5Gi"}}})).await?;
    let platform = arena
        .until("the volume can't grow", |platform| {
            status::condition(platform, "Stalled").is_some_and(|c| c.reason == "VolumeResize")
        })
        .await?;
    let said = status::condition(&platform, "Stalled").map(|c| c.message.clone()).unwrap_or_default();
    assert!(said.contains("orion-redis-data can't grow from 2Gi to 5Gi") && said.contains("quota"), "{said}");
    // Another change goes ahead all the same.
    let debug = json!({"services": [{"name": "user", "env": [{"name": "ORION_LOG", "value": "debug"}]}]});
    arena.edit(debug).await?;
    let deployments = arena.api::<Deployment>();
    eventually("the change is rolled out", async || {
        let text = serde_json::to_string(&deployments.get("orion-user").await?.spec)?;
        Ok(text.contains("ORION_LOG").then_some(()))
    })
    .await?;
    quotas.delete("volumes", &DeleteParams::default()).await?;
    eventually("the volume has grown after all", async || has("5Gi").await).await?;
    arena.until_ready().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_somebody_else_that_is_not_there_is_named_and_read_when_it_is() -> Result<()> {
    scene("operator-stores-secret", async |arena| {
        let elsewhere = json!({"external": {
            "host": "nowhere.invalid", "tls": false, "secretRef": {"name": "redis-admin"},
        }});
        arena.apply(json!({"redis": elsewhere})).await?;
        let waits = |says: &'static str| async move {
            arena.until(says, |p| status::message(p, "provision").contains(says)).await.map(drop)
        };
        waits("there is no Secret redis-admin: make it, with password and username").await?;
        let secrets = arena.api::<Secret>();
        let mut secret = Secret::default();
        secret.metadata.name = Some("redis-admin".to_owned());
        secret.string_data = Some([("username".to_owned(), "admin".to_owned())].into());
        let made = secrets.create(&PostParams::default(), &secret).await?;
        waits("Secret redis-admin has no key password: add it to the Secret").await?;
        let mut whole = made;
        whole.string_data = Some([("password".to_owned(), "secret".to_owned())].into());
        secrets.replace("redis-admin", &PostParams::default(), &whole).await?;
        // Now the Job can try, and says what is in its way.
        waits("nowhere.invalid").await
    })
    .await
}
