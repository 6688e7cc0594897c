//! When something is in the way, what is above waits, the status names the container and the cause, and once that is
//! put right the install goes on by itself.

use anyhow::Result;
use e2e::{Arena, scene, status};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::api::{Patch, PatchParams, PostParams};
use operator::api::OrionPlatform;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_does_not_exist_is_named_and_what_needs_it_waits() -> Result<()> {
    scene("blocked-image", async |arena| {
        let wrong = "ghcr.io/orion-platform/auth:does-not-exist";
        arena.apply(json!({"services": [{"name": "auth", "image": wrong}]})).await?;
        let platform = blocked(arena, "auth", &["Image", wrong]).await?;
        assert_waits(arena, &platform, &["user", "gateway"]).await?;
        arena.edit(json!({"services": []})).await?;
        arena.until_ready().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_too_small_is_named_and_what_needs_the_pod_waits() -> Result<()> {
    scene("blocked-node", async |arena| {
        let greedy = json!({"requests": {"cpu": "1000"}});
        arena.apply(json!({"services": [{"name": "user", "resources": greedy}]})).await?;
        let platform = blocked(arena, "user", &["Insufficient cpu"]).await?;
        assert_waits(arena, &platform, &["gateway"]).await?;
        arena.edit(json!({"services": []})).await?;
        arena.until_ready().await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_is_quoted_and_every_service_waits() -> Result<()> {
    scene("blocked-database", async |arena| {
        database_elsewhere(arena, "right").await?;
        let external = json!({"host": "elsewhere", "tls": false, "secretRef": {"name": "elsewhere"}});
        arena.apply(json!({"postgres": {"external": external}})).await?;
        let refusal = r#"postgres:5432: password authentication failed for user "postgres""#;
        let platform = blocked(arena, "provision", &[refusal]).await?;
        assert_waits(arena, &platform, &["auth", "user", "gateway"]).await?;
        let right = Patch::Merge(json!({"stringData": {"password": "right"}}));
        arena.api::<Secret>().patch("elsewhere", &PatchParams::default(), &right).await?;
        arena.until_ready().await.map(drop)
    })
    .await
}

/// Waits until the status says these words about the unit.
async fn blocked(arena: &Arena, unit: &str, words: &[&str]) -> Result<OrionPlatform> {
    let said = |platform: &OrionPlatform| {
        let message = status::message(platform, unit);
        words.iter().all(|word| message.contains(word))
    };
    let platform = arena.until(&format!("{unit} is blocked by {words:?}"), said).await?;
    assert!(!status::is_true(&platform, "Ready"));
    // Whoever only looks at the table sees it, too.
    let summary = platform.status.as_ref().and_then(|status| status.message.as_deref()).unwrap_or_default();
    assert!(summary.contains(unit), "{}", status::told(&platform));
    Ok(platform)
}

/// These units haven't been started, and the status says that they wait.
async fn assert_waits(arena: &Arena, platform: &OrionPlatform, units: &[&str]) -> Result<()> {
    for unit in units {
        let name = catalog::object_name("orion", unit);
        assert!(arena.api::<Deployment>().get_opt(&name).await?.is_none(), "{name} was made");
        assert!(status::message(platform, unit).contains("waits for"), "{}", status::told(platform));
    }
    Ok(())
}

/// A PostgreSQL that isn't the operator's, with this administrator's password, and a Secret that has another one.
async fn database_elsewhere(arena: &Arena, password: &str) -> Result<()> {
    let script = "echo \"$PASSWORD\" > /data/password && initdb -D /data/pg -U postgres --pwfile=/data/password && \
                  echo 'host all all all scram-sha-256' >> /data/pg/pg_hba.conf && \
                  exec postgres -D /data/pg -c listen_addresses='*' -c unix_socket_directories=/data";
    let pod: Pod = object(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "elsewhere", "labels": {"app": "elsewhere"}},
        "spec": {
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 999, "fsGroup": 999, "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": 0,
            "volumes": [{"name": "data", "emptyDir": {}}],
            "containers": [{
                "name": "postgres", "image": arena.ground.image("postgres")?, "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-euc", script], "env": [{"name": "PASSWORD", "value": password}],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    }))?;
    let service: Service = object(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "elsewhere"},
        "spec": {"selector": {"app": "elsewhere"}, "ports": [{"port": 5432}]},
    }))?;
    let secret: Secret = object(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "elsewhere"},
        "stringData": {"username": "postgres", "password": "wrong"},
    }))?;
    arena.api().create(&PostParams::default(), &pod).await?;
    arena.api().create(&PostParams::default(), &service).await?;
    arena.api().create(&PostParams::default(), &secret).await?;
    Ok(())
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> Result<K> {
    Ok(serde_json::from_value(value)?)
}
