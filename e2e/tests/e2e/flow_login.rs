//! A person's first day, from outside the cluster: in by the gateway's NodePort, and out again.

use anyhow::Result;
use e2e::client::Gateway;
use e2e::{Arena, scene};
use k8s_openapi::api::core::v1::Secret;
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_registers_signs_in_and_out_and_is_then_refused() -> Result<()> {
    scene("flow-login", async |arena| {
        arena.apply(json!({"exposure": {"nodePort": {}}})).await?;
        arena.until_ready().await?;
        let gateway = Gateway::of(arena).await?;
        a_first_day(&gateway).await?;
        the_first_administrator_signs_in(arena, &gateway).await
    })
    .await
}

async fn a_first_day(gateway: &Gateway) -> Result<()> {
    let person = json!({
        "email": "ada@example.com", "username": "ada", "password": "correct horse battery staple",
        "firstName": "Ada", "lastName": "Lovelace",
    });
    gateway.get("/api/user/profile", None).await?.expect(401);
    gateway.post("/api/user/register", None, person.clone()).await?.expect(201);
    let again = gateway.post("/api/user/register", None, person).await?.expect(409);
    assert_eq!(again.content_type, "application/problem+json");

    let wrong = json!({"email": "ada@example.com", "password": "correct horse battery stable"});
    gateway.post("/api/auth/login", None, wrong).await?.expect(401);
    let right = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
    let login = gateway.post("/api/auth/login", None, right).await?.expect(200);
    assert_eq!(login.text_at("/token_type"), "Bearer");
    assert_eq!(login.text_at("/user/email"), "ada@example.com");

    let access = login.text_at("/access_token");
    let profile = gateway.get("/api/user/profile", Some(access)).await?.expect(200);
    assert_eq!(profile.text_at("/firstName"), "Ada");
    let name = Some(json!({"firstName": "Augusta"}));
    gateway.call(Method::PATCH, "/api/user/profile", Some(access), name).await?.expect(200);

    let refresh = json!({"refresh_token": login.text_at("/refresh_token")});
    let renewed = gateway.post("/api/auth/refresh", None, refresh).await?.expect(200);
    assert_ne!(renewed.text_at("/refresh_token"), login.text_at("/refresh_token"));
    let access = renewed.text_at("/access_token");
    let profile = gateway.get("/api/user/profile", Some(access)).await?.expect(200);
    assert_eq!(profile.text_at("/firstName"), "Augusta");

    let out = gateway.post("/api/auth/logout", Some(access), json!({})).await?;
    assert!(out.status.is_success(), "{}", out.text);
    let refused = gateway.get("/api/user/profile", Some(access)).await?.expect(401);
    assert_eq!(refused.content_type, "application/problem+json");
    let refresh = json!({"refresh_token": renewed.text_at("/refresh_token")});
    gateway.post("/api/auth/refresh", None, refresh).await?.expect(401);
    Ok(())
}

async fn the_first_administrator_signs_in(arena: &Arena, gateway: &Gateway) -> Result<()> {
    let secret = arena.api::<Secret>().get("orion-admin").await?;
    let data = secret.data.unwrap_or_default();
    let value = |key: &str| data.get(key).map(|value| String::from_utf8_lossy(&value.0).into_owned());
    let credentials = json!({"email": value("email"), "password": value("password")});
    let login = gateway.post("/api/auth/login", None, credentials).await?.expect(200);
    let roles = login.body.pointer("/user/roles").and_then(|roles| roles.as_array());
    assert!(roles.is_some_and(|roles| !roles.is_empty()), "{}", login.text);
    Ok(())
}
