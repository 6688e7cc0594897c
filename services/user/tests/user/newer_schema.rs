//! Rolling back code is not rolling back schema: this binary works on a database that a newer version has migrated,
//! beneath it while it runs, and when it starts.

use reqwest::StatusCode;
use serde_json::json;
use testkit::{Cluster, TestService, spawn};

use crate::support::{PASSWORD, auth_env, newcomer};

async fn start(cluster: &Cluster) -> (TestService, TestService) {
    let auth = spawn::<auth::Auth>(auth_env(cluster).await).await;
    let user = spawn::<user::User>(cluster.env("user").await.peer("auth", &auth.url(""))).await;
    (auth, user)
}

async fn again(auth: TestService, user: TestService) -> (TestService, TestService) {
    let auth = spawn::<auth::Auth>(auth.stop().await).await;
    let user = spawn::<user::User>(user.stop().await.peer("auth", &auth.url(""))).await;
    (auth, user)
}

/// All that both services write and read for one person.
async fn live(auth: &TestService, user: &TestService, username: &str) {
    let registered = user.post("/api/user/register").json(&newcomer(username)).send().await.unwrap();
    assert_eq!(registered.status(), StatusCode::CREATED, "{username}");
    let wrong = json!({"email": format!("{username}@example.com"), "password": "not the password"});
    let refused = auth.post("/api/auth/login").json(&wrong).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{username}");
    let (access, refresh) = log_in(auth, username).await;
    let renewed = json!({"refresh_token": refresh});
    let renewed = auth.post("/api/auth/refresh").json(&renewed).send().await.unwrap();
    assert_eq!(renewed.status(), StatusCode::OK, "{username}");
    let change = json!({"firstName": "Grace"});
    let patch = user.request(reqwest::Method::PATCH, "/api/user/profile").bearer_auth(&access);
    assert_eq!(patch.json(&change).send().await.unwrap().status(), StatusCode::OK, "{username}");
    let out = auth.post("/api/auth/logout").bearer_auth(&access).send().await.unwrap();
    assert!(out.status().is_success(), "{username}");
}

async fn log_in(auth: &TestService, username: &str) -> (String, String) {
    let body = json!({"email": format!("{username}@example.com"), "password": PASSWORD});
    let answer = auth.post("/api/auth/login").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{username}");
    let tokens: contracts::auth::TokenResponse = answer.json().await.unwrap();
    (tokens.access_token, tokens.refresh_token)
}

#[tokio::test]
async fn auth_and_user_work_on_and_start_on_a_schema_that_is_newer_than_they_are() {
    let cluster = Cluster::new();
    let (auth, user) = start(&cluster).await;
    live(&auth, &user, "before").await;

    auth.env().database().expand().await;
    user.env().database().expand().await;
    live(&auth, &user, "beneath").await;
    log_in(&auth, "before").await;

    let (auth, user) = again(auth, user).await;
    live(&auth, &user, "after").await;
    log_in(&auth, "beneath").await;
}
