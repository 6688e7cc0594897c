//! A platform is taken down in whatever state it is, and nothing is left that should not be.

use anyhow::Result;
use e2e::order::assert_removed_in_reverse;
use e2e::record::Recorder;
use e2e::stage::actor::Fate;
use e2e::stage::{Scene, scene, state};
use e2e::status;
use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use operator::api::Phase;
use serde_json::{Value, json};
use std::time::Duration;

use crate::support::{BROKEN, SOON, assert_no_changes, deployment, is, service};

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_ready_goes_in_the_reverse_order_and_keeps_its_data() -> Result<()> {
    scene("delete-ready", async |scene| {
        let recorder = Recorder::start(scene).await?;
        scene.apply(json!({})).await?;
        scene.until_ready().await?;
        deleted(scene, &DeleteParams::background()).await?;
        assert_removed_in_reverse(&recorder.seen());
        assert_left(scene, true).await?;
        // What is kept is taken up again.
        let claims = claims(scene).await?;
        scene.apply(json!({"deletionPolicy": "Delete"})).await?;
        scene.until_ready().await?;
        assert_eq!(self::claims(scene).await?, claims);
        deleted(scene, &DeleteParams::background()).await?;
        assert_left(scene, false).await
    })
    .await
}

/// Argo's default. Whoever owns anything in this order would lose all of it at once.
#[tokio::test(flavor = "multi_thread")]
async fn foreground_deletion_goes_in_the_reverse_order_and_removes_the_data_it_is_told_to() -> Result<()> {
    scene("delete-foreground", async |scene| {
        let recorder = Recorder::start(scene).await?;
        scene.apply(json!({"deletionPolicy": "Delete"})).await?;
        scene.until_ready().await?;
        deleted(scene, &DeleteParams::foreground()).await?;
        assert_removed_in_reverse(&recorder.seen());
        assert_left(scene, false).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn orphaning_deletion_takes_the_platform_down_all_the_same() -> Result<()> {
    scene("delete-orphan", async |scene| {
        scene.apply(json!({"deletionPolicy": "Delete"})).await?;
        scene.until_ready().await?;
        deleted(scene, &DeleteParams::orphan()).await?;
        assert_left(scene, false).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_deleted_in_the_middle_of_its_install() -> Result<()> {
    scene("delete-mid-install", async |scene| {
        scene.pods_are(|unit, _| if unit == "auth" { Fate::Nothing } else { Fate::Ready }).await?;
        scene.apply(json!({"deletionPolicy": "Delete"})).await?;
        scene.eventually("auth is made", async || deployment(scene, "auth").await).await?;
        deleted(scene, &DeleteParams::background()).await?;
        assert_left(scene, false).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_deleted_the_moment_it_is_made() -> Result<()> {
    scene("delete-at-once", async |scene| {
        scene.apply(json!({"deletionPolicy": "Delete"})).await?;
        deleted(scene, &DeleteParams::background()).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_left(scene, false).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_deleted_in_the_middle_of_an_update_and_when_it_is_stalled() -> Result<()> {
    scene("delete-stalled", async |scene| {
        crate::stuck::broken_images_break(scene).await?;
        scene.apply(json!({"deletionPolicy": "Delete", "rollout": {"tierTimeout": SOON}})).await?;
        scene.until_ready().await?;
        scene.edit(service("user", json!({"image": BROKEN}))).await?;
        scene.until("it is stalled", is(Phase::Stalled)).await?;
        deleted(scene, &DeleteParams::background()).await?;
        assert_left(scene, false).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_deleted_while_it_is_paused_or_its_spec_is_invalid() -> Result<()> {
    scene("delete-paused", async |scene| {
        scene.apply(json!({"deletionPolicy": "Delete"})).await?;
        scene.until_ready().await?;
        scene.edit(json!({"paused": true, "version": "99.0.0"})).await?;
        scene.until("it is invalid", is(Phase::Invalid)).await?;
        deleted(scene, &DeleteParams::background()).await?;
        assert_left(scene, false).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_deleted_whose_stores_are_gone_already() -> Result<()> {
    scene("delete-no-stores", async |scene| {
        scene.apply(json!({"deletionPolicy": "Delete", "paused": false})).await?;
        scene.until_ready().await?;
        scene.stop().await?;
        let all = ListParams::default();
        scene.api::<StatefulSet>().delete_collection(&DeleteParams::default(), &all).await?;
        scene.api::<PersistentVolumeClaim>().delete_collection(&DeleteParams::default(), &all).await?;
        scene.platforms.delete("orion", &DeleteParams::default()).await?;
        scene.start().await;
        gone(scene).await?;
        assert_left(scene, false).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_waits_for_an_operator_that_is_away_and_is_taken_down_when_it_is_back() -> Result<()> {
    scene("delete-absent", async |scene| {
        scene.apply(json!({"deletionPolicy": "Delete"})).await?;
        scene.until_ready().await?;
        scene.kill().await;
        scene.platforms.delete("orion", &DeleteParams::default()).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(scene.platforms.get_opt("orion").await?.is_some(), "nobody took it down");
        scene.start().await;
        gone(scene).await?;
        assert_left(scene, false).await
    })
    .await
}

/// Another's finalizer keeps the object, and the operator must not keep house in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_somebody_else_holds_is_taken_down_and_then_left_alone() -> Result<()> {
    scene("delete-held", async |scene| {
        scene.apply(json!({"deletionPolicy": "Delete"})).await?;
        scene.until_ready().await?;
        finalizers(scene, json!(["orion.dev/teardown", "example.com/audit"])).await?;
        scene.platforms.delete("orion", &DeleteParams::default()).await?;
        scene
            .eventually("the operator has let go", async || {
                let platform = scene.platforms.get("orion").await?;
                Ok((platform.metadata.finalizers == Some(vec!["example.com/audit".to_owned()])).then_some(()))
            })
            .await?;
        assert_left(scene, false).await?;
        let from = scene.proxy.calls().len();
        scene.crash().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_no_changes(scene, from);
        finalizers(scene, json!(null)).await?;
        gone(scene).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_ends_takes_its_platform_along() -> Result<()> {
    scene("delete-namespace", async |scene| {
        scene.pods_are(|unit, _| if unit == "user" { Fate::Nothing } else { Fate::Ready }).await?;
        scene.apply(json!({})).await?;
        scene.eventually("user is made", async || deployment(scene, "user").await).await?;
        let namespaces: Api<Namespace> = Api::all(scene.client.clone());
        namespaces.delete(&scene.namespace, &DeleteParams::default()).await?;
        scene
            .eventually("the namespace is gone", async || {
                Ok(namespaces.get_opt(&scene.namespace).await?.is_none().then_some(()))
            })
            .await
    })
    .await
}

/// The next operator finds a namespace that has been on its way out for a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_ends_while_no_operator_is_there_waits_for_the_next_one_only() -> Result<()> {
    scene("delete-namespace-absent", async |scene| {
        scene.apply(json!({})).await?;
        scene.until_ready().await?;
        scene.kill().await;
        let namespaces: Api<Namespace> = Api::all(scene.client.clone());
        namespaces.delete(&scene.namespace, &DeleteParams::default()).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        scene.start().await;
        scene
            .eventually("the namespace is gone", async || {
                Ok(namespaces.get_opt(&scene.namespace).await?.is_none().then_some(()))
            })
            .await
    })
    .await
}

async fn deleted(scene: &Scene, how: &DeleteParams) -> Result<()> {
    scene.platforms.delete("orion", how).await?;
    gone(scene).await
}

async fn gone(scene: &Scene) -> Result<()> {
    let left = async || match scene.platforms.get_opt("orion").await? {
        None => Ok(Some(())),
        Some(platform) => anyhow::bail!("{}", status::told(&platform)),
    };
    scene.eventually("the platform is gone", left).await
}

async fn finalizers(scene: &Scene, finalizers: Value) -> Result<()> {
    let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    scene.platforms.patch("orion", &PatchParams::default(), &patch).await?;
    Ok(())
}

/// What each volume claim is known by.
async fn claims(scene: &Scene) -> Result<Vec<Option<String>>> {
    let claims = scene.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
    Ok(claims.iter().map(|claim| claim.metadata.uid.clone()).collect())
}

/// Nothing of the platform is left, but its data and the keys to it where they are to be kept.
async fn assert_left(scene: &Scene, data: bool) -> Result<()> {
    let left = async || -> Result<Vec<String>> {
        let left = state::of(scene).await?;
        let own = left.names().into_iter().filter(|name| *name != "OrionPlatform");
        Ok(own.map(str::to_owned).collect())
    };
    if data {
        let kept = |name: &String| name.starts_with("PersistentVolumeClaim/") || name.starts_with("Secret/");
        let left = left().await?;
        assert!(left.iter().all(kept) && left.len() > 3, "left: {left:?}");
    } else {
        // A claim that is in use goes when its pods do.
        scene
            .eventually("nothing is left", async || match left().await? {
                left if left.is_empty() => Ok(Some(())),
                left => anyhow::bail!("left: {left:?}"),
            })
            .await?;
    }
    // These go with what made them, a moment later.
    scene
        .eventually("no pod is left", async || {
            let pods = scene.api::<Pod>().list(&ListParams::default()).await?.items.len();
            let sets = scene.api::<ReplicaSet>().list(&ListParams::default()).await?.items.len();
            Ok((pods + sets == 0).then_some(()))
        })
        .await
}
