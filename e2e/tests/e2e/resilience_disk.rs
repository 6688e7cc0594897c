//! A disk that is full: the status says so in the words of whoever could not write, nothing that was there is lost,
//! and a larger volume, asked for in the spec, ends it.

use anyhow::{Context, Result};
use e2e::client::Gateway;
use e2e::load::{Call, Load};
use e2e::{Arena, crash, scene, status};
use operator::api::OrionPlatform;
use serde_json::{Value, json};

/// What the system calls it, and every program passes on.
const FULL: &str = "No space left on device";

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_a_larger_volume_ends_it_without_a_loss() -> Result<()> {
    scene("resilience-disk", async |arena| {
        let small =
            json!({"exposure": {"nodePort": {}}, "redis": of_size("64Mi"), "postgres": of_size("192Mi")});
        arena.apply(small).await?;
        arena.until_ready().await?;
        let gateway = Gateway::of(arena).await?;
        let gone = signed_out(&gateway).await?;
        let load = Load::start(&gateway).await?;
        is_full_and_grows(arena, &load, "redis", "/data", "128Mi").await?;
        is_full_and_grows(arena, &load, "postgres", "/var/lib/postgresql/data", "384Mi").await?;
        load.stop().await?.only("a disk is full", Call::asks_to_try_again)?;
        // What Redis had before, and what it was told meanwhile.
        let again = gateway.get("/api/user/profile", Some(&gone)).await?.expect(401);
        assert!(again.text_at("/type").ends_with("token-revoked"), "{}", again.text);
        Ok(())
    })
    .await
}

async fn is_full_and_grows(arena: &Arena, load: &Load, store: &str, data: &str, larger: &str) -> Result<()> {
    let then = load.now();
    let pod = arena.pods(store).await?.pop().with_context(|| format!("{store} has no pod"))?;
    crash::fill(&pod, data)?;
    let full = arena
        .until("the status says that it is degraded, and why", |platform| {
            let degraded = status::condition(platform, "Degraded");
            degraded.is_some_and(|c| c.status == "True" && c.message.contains(FULL))
        })
        .await?;
    let named = load.now() - then;
    let said = status::condition(&full, "Degraded").map(|c| c.message.clone()).unwrap_or_default();
    arena.edit(json!({store: of_size(larger)})).await?;
    arena.until("all is well again", is_healthy).await?;
    load.until_well().await?;
    println!(
        "{store}: full disk: named after {named:.1?} as {said:?}, whole {:.1?} after that; {}",
        load.now() - then - named,
        load.since(then)
    );
    Ok(())
}

fn of_size(storage: &str) -> Value {
    json!({"managed": {"storage": storage, "storageClass": "local-sized"}})
}

/// The access token of somebody who has signed out.
async fn signed_out(gateway: &Gateway) -> Result<String> {
    let person = json!({
        "email": "ada@example.com", "username": "ada", "password": "correct horse battery staple",
        "firstName": "Ada", "lastName": "Lovelace",
    });
    gateway.post("/api/user/register", None, person).await?.expect(201);
    let login = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
    let tokens = gateway.post("/api/auth/login", None, login).await?.expect(200);
    let access = tokens.text_at("/access_token").to_owned();
    let out = gateway.post("/api/auth/logout", Some(&access), json!({})).await?;
    assert!(out.status.is_success(), "{}", out.text);
    Ok(access)
}

fn is_healthy(platform: &OrionPlatform) -> bool {
    status::is_ready(platform) && !status::is_true(platform, "Degraded")
}
