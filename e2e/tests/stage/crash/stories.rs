//! What is under way while the operator is killed.

use anyhow::Result;
use e2e::stage::Scene;
use e2e::stage::actor::Fate;
use e2e::status;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use operator::api::{OrionPlatform, Phase, RotationPhase};
use operator::rotation::{ROTATE, TURN, Turn};
use serde_json::json;

use super::{Story, everywhere};
use crate::support::{BROKEN, OLD, SOON, is, service};

#[tokio::test(flavor = "multi_thread")]
async fn an_install_ends_the_same_wherever_the_operator_is_killed() -> Result<()> {
    everywhere(Story {
        name: "install",
        share: 0,
        before: |_| Box::pin(async { Ok(()) }),
        disturbed: |scene| {
            Box::pin(async {
                scene.apply(json!({"exposure": {"nodePort": {}}})).await?;
                scene.until_ready().await.map(drop)
            })
        },
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_ends_the_same_wherever_the_operator_is_killed() -> Result<()> {
    everywhere(Story {
        name: "update",
        share: 1,
        before: |scene| {
            Box::pin(async {
                let services = json!([{"name": "user", "replicas": 2}]);
                scene.apply(json!({"version": OLD, "services": services})).await?;
                scene.until_ready().await.map(drop)
            })
        },
        disturbed: |scene| {
            Box::pin(async {
                let services = json!([{"name": "user", "autoscaling": {"minReplicas": 2, "maxReplicas": 2}}]);
                let spec = json!({"version": null, "services": services, "exposure": {"nodePort": {}}});
                scene.edit(spec).await?;
                scene.until_ready().await.map(drop)
            })
        },
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_ends_the_same_wherever_the_operator_is_killed() -> Result<()> {
    everywhere(Story {
        name: "rollback",
        share: 2,
        before: |scene| {
            Box::pin(async {
                let broken = |_: &str, image: &str| match image == BROKEN {
                    true => Fate::Crashes("it is broken"),
                    false => Fate::Ready,
                };
                scene.pods_are(broken).await?;
                scene.apply(json!({"rollout": {"tierTimeout": SOON, "onFailure": "Rollback"}})).await?;
                scene.until_ready().await.map(drop)
            })
        },
        disturbed: |scene| {
            Box::pin(async {
                scene.edit(service("user", json!({"image": BROKEN, "replicas": 2}))).await?;
                scene.until("it is rolled back", is(Phase::RolledBack)).await.map(drop)
            })
        },
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_ends_the_same_wherever_the_operator_is_killed() -> Result<()> {
    everywhere(Story {
        name: "delete",
        share: 3,
        before: |scene| {
            Box::pin(async {
                scene.apply(json!({"exposure": {"nodePort": {}}})).await?;
                scene.until_ready().await.map(drop)
            })
        },
        disturbed: |scene| {
            Box::pin(async {
                scene.platforms.delete("orion", &Default::default()).await?;
                let gone = async || match scene.platforms.get_opt("orion").await? {
                    None => Ok(Some(())),
                    Some(platform) => anyhow::bail!("{}", status::told(&platform)),
                };
                scene.eventually("the platform is gone", gone).await
            })
        },
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_ends_the_same_wherever_the_operator_is_killed() -> Result<()> {
    everywhere(Story {
        name: "rotation",
        share: 4,
        before: |scene| {
            Box::pin(async {
                scene.apply(json!({})).await?;
                scene.until_ready().await.map(drop)
            })
        },
        disturbed: |scene| {
            Box::pin(async {
                scene.annotate(ROTATE, Some("first")).await?;
                let rotated = |platform: &OrionPlatform| {
                    let credentials = platform.status.as_ref().and_then(|status| status.credentials.as_ref());
                    let ended = credentials.filter(|c| c.phase == RotationPhase::Settled);
                    ended.is_some_and(|c| c.last_rotation.is_some()) && status::is_ready(platform)
                };
                scene.until("accounts are replaced", rotated).await?;
                // One that was killed before it told all of them to may see one through before the next begins.
                scene.eventually("all accounts are replaced", async || all_have_turned(scene).await).await
            })
        },
    })
    .await
}

async fn all_have_turned(scene: &Scene) -> Result<Option<()>> {
    for service in ["auth", "user", "gateway"] {
        let secret = scene.api::<Secret>().get(&format!("orion-{service}-credentials")).await?;
        let turn =
            secret.annotations().get(TURN).map(|turn| serde_json::from_str::<Turn>(turn)).transpose()?;
        if !turn.is_some_and(|turn| turn.generation == 1 && turn.step.is_none()) {
            return Ok(None);
        }
    }
    Ok(Some(()))
}
