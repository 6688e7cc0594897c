//! The gateway with the real auth and user services: a person's way in and out.

use contracts::auth::TokenResponse;
use contracts::problem as kind;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{Cluster, TestService, eventually, problem};

struct Platform {
    gateway: TestService,
    _user: TestService,
    _auth: TestService,
}

async fn platform() -> Platform {
    let cluster = Cluster::new();
    let key = format!("{}=", "A".repeat(43));
    let env = cluster.env("auth").await.set("ORION_KEY_ENCRYPTION_KEY", key);
    let mut auth = testkit::spawn::<auth::Auth>(env).await;
    let user = testkit::spawn::<user::User>(cluster.env("user").await.peer("auth", &auth.url(""))).await;
    let env = cluster.env("gateway").await.peer("auth", &auth.url("")).peer("user", &user.url(""));
    let env = env.share_redis(auth.env_mut()).await;
    let gateway = testkit::spawn::<gateway::Gateway>(env).await;
    Platform { gateway, _user: user, _auth: auth }
}

#[tokio::test]
async fn register_login_profile_refresh_logout_and_then_nothing() {
    let Platform { gateway, .. } = &platform().await;
    let newcomer = json!({"email": "ada@example.com", "username": "ada", "password": "correct horse battery",
        "firstName": "Ada", "lastName": "Lovelace"});
    let registered = gateway.post("/api/user/register").json(&newcomer).send().await.unwrap();
    assert_eq!(registered.status(), StatusCode::CREATED, "{:?}", registered.text().await);

    let credentials = json!({"email": "ada@example.com", "password": "correct horse battery"});
    let login = gateway.post("/api/auth/login").json(&credentials).send().await.unwrap();
    assert_eq!(
        (login.status(), &login.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    let tokens: TokenResponse = login.json().await.unwrap();

    let profile = |token: &str| gateway.get("/api/user/profile").bearer_auth(token).send();
    // Auth says at its start, in the background, that Redis holds every revocation.
    let shown = eventually("revocations are known", || async {
        let answer = profile(&tokens.access_token).await.unwrap();
        (answer.status() != StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
    })
    .await;
    assert_eq!(shown.status(), StatusCode::OK);
    assert_eq!(shown.json::<Value>().await.unwrap()["username"], "ada");
    let patch = gateway.request(Method::PATCH, "/api/user/profile").bearer_auth(&tokens.access_token);
    assert_eq!(patch.json(&json!({"firstName": "Augusta"})).send().await.unwrap().status(), StatusCode::OK);

    let refresh = json!({"refresh_token": tokens.refresh_token});
    let fresh = gateway.post("/api/auth/refresh").json(&refresh).send().await.unwrap();
    assert_eq!(fresh.status(), StatusCode::OK);
    let fresh: TokenResponse = fresh.json().await.unwrap();
    assert_eq!(profile(&fresh.access_token).await.unwrap().status(), StatusCode::OK);

    let logout = gateway.post("/api/auth/logout").bearer_auth(&fresh.access_token).send().await.unwrap();
    assert!(logout.status().is_success(), "{:?}", logout.text().await);
    for token in [&tokens.access_token, &fresh.access_token] {
        let refused = problem(profile(token).await.unwrap()).await;
        assert!(refused.is(kind::TOKEN_REVOKED), "{refused:?}");
    }
}

#[tokio::test]
async fn what_services_refuse_comes_through_as_they_said_it() {
    let Platform { gateway, .. } = &platform().await;
    let malformed = gateway.post("/api/auth/login").header("content-type", "application/json").body("{");
    assert!(problem(malformed.send().await.unwrap()).await.is(kind::MALFORMED_BODY));
    let invalid =
        gateway.post("/api/user/register").json(&json!({"email": "x", "username": "X", "password": "",
        "firstName": "", "lastName": ""}));
    let invalid = problem(invalid.send().await.unwrap()).await;
    assert!(invalid.is(kind::VALIDATION_FAILED) && invalid.errors.len() == 5, "{invalid:?}");
    let internal =
        gateway.request(Method::DELETE, "/internal/credentials/0198c2f4-7e2a-7cc1-9d1b-1f8a4ab0c0de");
    assert!(problem(internal.send().await.unwrap()).await.is(kind::NOT_FOUND));
    let keys: Value = gateway.get("/.well-known/jwks.json").send().await.unwrap().json().await.unwrap();
    assert_eq!(keys["keys"][0]["crv"], "Ed25519");
}
