//! The first administrator.

use std::path::Path;

use contracts::PasswordPolicy;
use contracts::auth::TokenResponse;
use reqwest::StatusCode;
use serde_json::json;
use testkit::{Cluster, Env, TestService, eventually};
use user::domain::person::ADMIN;
use user::error::Error;
use user::first_admin::{Ensured, ensure_one, read};

use crate::support::{World, auth_env, newcomer, state};

const EMAIL: &str = "admin@orion.local";
const PASSWORD: &str = "aB3dE6gH9jK2mN5pQ8sT1vW4";
const POLICY: PasswordPolicy = PasswordPolicy { least: 12 };

fn secret(folder: &Path, password: &str) {
    for (name, text) in [("email", EMAIL), ("username", "admin"), ("password", password)] {
        std::fs::write(folder.join(name), format!("{text}\n")).unwrap();
    }
}

async fn login(auth: &TestService, password: &str) -> reqwest::Response {
    auth.post("/api/auth/login").json(&json!({"email": EMAIL, "password": password})).send().await.unwrap()
}

async fn signs_in(auth: &TestService) -> TokenResponse {
    let answer = eventually("the first administrator can sign in", || async {
        let answer = login(auth, PASSWORD).await;
        (answer.status() == StatusCode::OK).then_some(answer)
    })
    .await;
    answer.json().await.unwrap()
}

fn with_secret(env: Env, folder: &tempfile::TempDir) -> Env {
    env.set("ORION_FIRST_ADMIN_DIR", folder.path().display().to_string())
}

async fn people(user: &TestService) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(user.chassis().db()).await.unwrap()
}

#[tokio::test]
async fn while_auth_is_away_the_administrator_waits() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    secret(folder.path(), PASSWORD);
    let admin = read(folder.path(), &POLICY).unwrap().unwrap();
    world.line.cut();
    let attempt = ensure_one(&world.state(), &admin).await;
    assert!(matches!(attempt, Err(Error::Unavailable)), "{attempt:?}");
    assert_eq!(world.count("users").await, 0);
    let trying = tokio::spawn(user::first_admin::run(world.state(), admin));
    world.line.restore();
    signs_in(&world.auth).await;
    trying.await.unwrap();
}

#[tokio::test]
async fn one_administrator_is_made_of_the_secret_and_then_left_alone() {
    let (cluster, folder) = (Cluster::new(), tempfile::tempdir().unwrap());
    secret(folder.path(), PASSWORD);
    let auth = testkit::spawn::<auth::Auth>(auth_env(&cluster).await).await;
    let env = with_secret(cluster.env("user").await.peer("auth", &auth.url("")), &folder);
    let user = testkit::spawn::<user::User>(env).await;
    let tokens = signs_in(&auth).await;
    assert_eq!(tokens.user.roles, [ADMIN, "user"]);
    let profile = user.get("/api/user/profile").bearer_auth(&tokens.access_token);
    let profile = eventually("the administrator is active", || async {
        let answer = profile.try_clone().unwrap().send().await.unwrap();
        (answer.status() == StatusCode::OK).then_some(answer)
    })
    .await;
    assert_eq!(profile.json::<serde_json::Value>().await.unwrap()["username"], "admin");

    // Another start with another password in the Secret changes nothing.
    secret(folder.path(), "another password entirely");
    let env = user.stop().await;
    let user = testkit::spawn::<user::User>(env).await;
    let admin = read(folder.path(), &POLICY).unwrap().unwrap();
    assert_eq!(ensure_one(&state(&user), &admin).await.unwrap(), Ensured::Exists);
    assert_eq!(people(&user).await, 1);
    assert_eq!(login(&auth, "another password entirely").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn many_replicas_at_once_make_one_administrator() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    secret(folder.path(), PASSWORD);
    let admin = read(folder.path(), &POLICY).unwrap().unwrap();
    let state = world.state();
    let replicas = futures::future::join_all((0..4).map(|_| ensure_one(&state, &admin))).await;
    // A replica that got in another's way tries again; none may make a second one.
    assert!(replicas.iter().any(Result::is_ok), "{replicas:?}");
    eventually("there is one", || async { ensure_one(&state, &admin).await.is_ok().then_some(()) }).await;
    assert_eq!(ensure_one(&state, &admin).await.unwrap(), Ensured::Exists);
    assert_eq!((world.count("users").await, world.count("user_roles").await), (1, 2));
    signs_in(&world.auth).await;
}

#[tokio::test]
async fn an_address_that_is_somebody_elses_is_not_taken_from_them() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    secret(folder.path(), PASSWORD);
    let mut body = newcomer("ada");
    body["email"] = EMAIL.into();
    assert_eq!(world.register(&body).send().await.unwrap().status(), StatusCode::CREATED);
    let admin = read(folder.path(), &POLICY).unwrap().unwrap();
    assert_eq!(ensure_one(&world.state(), &admin).await.unwrap(), Ensured::Taken);
    assert_eq!(login(&world.auth, PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn a_secret_is_absent_or_right() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read(&folder.path().join("none"), &POLICY).unwrap().is_none());
    let error = read(folder.path(), &POLICY).unwrap_err();
    assert!(format!("{error:#}").contains("email"), "{error:#}");
    secret(folder.path(), "short");
    let error = format!("{:#}", read(folder.path(), &POLICY).unwrap_err());
    assert!(error.contains("password") && !error.contains("short"), "{error}");
    secret(folder.path(), PASSWORD);
    let admin = read(folder.path(), &POLICY).unwrap().unwrap();
    assert_eq!((admin.email.as_str(), admin.password.expose()), (EMAIL, PASSWORD));
}
