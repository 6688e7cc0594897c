//! A platform is taken down in the reverse order, whichever way its deletion is asked for, and its data is kept or
//! removed as it says.

use anyhow::Result;
use e2e::client::Gateway;
use e2e::record::{Change, Recorder, Seen};
use e2e::{Arena, eventually, scene};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::json;

use e2e::order::assert_removed_in_reverse;

#[tokio::test(flavor = "multi_thread")]
async fn background_deletion_goes_in_reverse_and_a_platform_of_the_same_name_finds_its_data() -> Result<()> {
    scene("delete-background", async |arena| {
        let recorder = Recorder::start(arena).await?;
        arena.apply(json!({"exposure": {"nodePort": {}}})).await?;
        arena.until_ready().await?;
        let person = json!({
            "email": "ada@example.com", "username": "ada", "password": "correct horse battery staple",
            "firstName": "Ada", "lastName": "Lovelace",
        });
        Gateway::of(arena).await?.post("/api/user/register", None, person).await?.expect(201);
        let claims = claims(arena).await?;

        delete(arena, &DeleteParams::background()).await?;
        assert_removed_in_reverse(&recorder.seen());
        assert_left(&recorder.seen(), &["PersistentVolumeClaim", "Secret"]);

        arena.apply(json!({"exposure": {"nodePort": {}}})).await?;
        arena.until_ready().await?;
        assert_eq!(self::claims(arena).await?, claims);
        let known = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
        Gateway::of(arena).await?.post("/api/auth/login", None, known).await?.expect(200);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn foreground_deletion_goes_in_reverse_and_removes_the_data_that_it_is_told_to() -> Result<()> {
    scene("delete-foreground", async |arena| {
        let recorder = Recorder::start(arena).await?;
        arena.apply(json!({"deletionPolicy": "Delete"})).await?;
        arena.until_ready().await?;
        let volumes = volumes(arena).await?;
        assert_eq!(volumes.len(), catalog::STORES.len());

        delete(arena, &DeleteParams::foreground()).await?;
        assert_removed_in_reverse(&recorder.seen());
        assert_left(&recorder.seen(), &[]);
        eventually("the volumes are gone", async || Ok(self::volumes(arena).await?.is_empty().then_some(())))
            .await
    })
    .await
}

/// The operator is one of the first to go, its rights soon after.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_with_an_operator_and_its_platform_in_it_can_be_deleted() -> Result<()> {
    scene("delete-namespace", async |arena| {
        arena.apply(json!({})).await?;
        arena.until_ready().await?;
        let namespaces: Api<Namespace> = Api::all(arena.client.clone());
        namespaces.delete(&arena.namespace, &DeleteParams::default()).await?;
        eventually("the namespace is gone", async || {
            Ok(namespaces.get_opt(&arena.namespace).await?.is_none().then_some(()))
        })
        .await?;
        eventually("the volumes are gone", async || Ok(volumes(arena).await?.is_empty().then_some(()))).await
    })
    .await
}

pub(crate) async fn delete(arena: &Arena, how: &DeleteParams) -> Result<()> {
    arena.platforms.delete("orion", how).await?;
    eventually("the platform is gone", async || {
        Ok(arena.platforms.get_opt("orion").await?.is_none().then_some(()))
    })
    .await
}

/// The claims and what makes each the same one.
pub(crate) async fn claims(arena: &Arena) -> Result<Vec<(String, Option<String>)>> {
    let claims = arena.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
    Ok(claims.iter().map(|claim| (claim.name_any(), claim.uid())).collect())
}

pub(crate) async fn volumes(arena: &Arena) -> Result<Vec<String>> {
    let all = Api::<PersistentVolume>::all(arena.client.clone()).list(&ListParams::default()).await?;
    let ours = |volume: &&PersistentVolume| {
        let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        claim.and_then(|claim| claim.namespace.as_deref()) == Some(arena.namespace.as_str())
    };
    Ok(all.iter().filter(ours).map(ResourceExt::name_any).collect())
}

/// What was made and not deleted is of these kinds, and of each of them something is left.
#[track_caller]
pub(crate) fn assert_left(record: &[Seen], kinds: &[&str]) {
    let deleted: Vec<&str> = record.iter().filter(|s| s.change == Change::Deleted).map(Seen::uid).collect();
    let made = record.iter().filter(|seen| seen.change == Change::Added && seen.kind != "OrionPlatform");
    let left: Vec<&Seen> = made.filter(|seen| !deleted.contains(&seen.uid())).collect();
    for seen in &left {
        assert!(kinds.contains(&seen.kind.as_str()), "{} {} is left", seen.kind, seen.name);
    }
    for kind in kinds {
        assert!(left.iter().any(|seen| seen.kind == *kind), "no {kind} is left");
    }
}
