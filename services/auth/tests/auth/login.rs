//! Signing in.

use crate::stage::{PASSWORD, Stage, claims, env, refused, tokens};
use contracts::{TOKEN_AUDIENCE, problem};
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[tokio::test]
async fn a_login_gives_tokens_and_leaves_a_session_an_attempt_and_an_event() {
    let env = env().await;
    let mut events = env.vhost().queue("auth.events", &["user.login"]).await;
    let stage = Stage::of(env).await;
    let person = stage.person().await;

    let answer = stage.try_login(&person.email.to_uppercase(), PASSWORD).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let got = tokens(answer).await;

    assert_eq!((got.token_type.as_str(), got.expires_in), ("Bearer", 900));
    assert_eq!(
        (got.user.id, &got.user.email, &got.user.roles),
        (person.id, &person.email, &vec!["user".to_owned()])
    );
    let claims = claims(&got.access_token);
    let now = stage.clock.now().as_second();
    assert_eq!((claims.sub, claims.aud.as_str(), claims.ver), (person.id, TOKEN_AUDIENCE, 1));
    assert_eq!((claims.iat, claims.nbf, claims.exp), (now, now, now + 900));
    assert_eq!(stage.me(&got.access_token).await, got.user);

    let hash = Sha256::digest(got.refresh_token.as_bytes()).to_vec();
    let (session, stored): (uuid::Uuid, Vec<u8>) =
        sqlx::query_as("SELECT session_id, token_hash FROM auth_tokens").fetch_one(stage.db()).await.unwrap();
    assert_eq!((session, stored), (claims.sid, hash.clone()));
    let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
    let cached = stage.redis_get(&format!("auth:refresh:{hex}")).await;
    assert_eq!(cached, Some(session.to_string()));
    assert_eq!(
        stage.count("SELECT count(*) FROM login_attempts WHERE outcome = 'success' AND ip IS NOT NULL").await,
        1
    );

    let event: Value = events.next().await;
    assert_eq!(event["eventType"], "user.login");
    assert_eq!(event["userId"], person.id.to_string());
    assert_eq!(event["sessionId"], session.to_string());
    assert_eq!(event["sequence"], 1);
    let everything = format!("{event} {:?}", stage.everything().await);
    assert!(
        !everything.contains(&got.refresh_token) && !everything.contains(PASSWORD),
        "no secret is kept or told"
    );
}

#[tokio::test]
async fn the_health_path_and_the_deep_health_say_that_all_is_well() {
    let stage = Stage::new().await;
    let summary: Value =
        stage.client.get(stage.service.url("/api/auth/health")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&summary["status"], &summary["service"]), (&"ok".into(), &"auth".into()));
    let deep: Value =
        stage.client.get(stage.service.management("/healthz")).send().await.unwrap().json().await.unwrap();
    for store in ["postgres", "redis", "rabbitmq"] {
        assert_eq!(deep["checks"][store]["status"], "ok", "{deep}");
    }
}

#[tokio::test]
async fn an_unknown_person_and_a_wrong_password_get_the_same_answer() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let wrong = stage.try_login(&person.email, "wrong").await;
    let unknown = stage.try_login("nobody@example.org", "wrong").await;
    let names = |answer: &reqwest::Response| {
        answer.headers().keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&wrong), names(&unknown));
    let mut wrong = refused(wrong, problem::INVALID_CREDENTIALS).await;
    let unknown = refused(unknown, problem::INVALID_CREDENTIALS).await;
    wrong.request_id.clone_from(&unknown.request_id);
    assert_eq!(wrong, unknown);
    assert_eq!(stage.count("SELECT count(*) FROM login_attempts WHERE outcome = 'wrong_password'").await, 1);
    assert_eq!(stage.count("SELECT count(*) FROM login_attempts WHERE outcome = 'unknown_user'").await, 1);
    assert_eq!(stage.count("SELECT count(*) FROM sessions").await, 0);
}

#[tokio::test]
async fn only_who_knows_the_password_learns_that_the_account_is_disabled() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    sqlx::query("UPDATE credentials SET status = 'suspended'").execute(stage.db()).await.unwrap();
    refused(stage.try_login(&person.email, "wrong").await, problem::INVALID_CREDENTIALS).await;
    refused(stage.try_login(&person.email, PASSWORD).await, problem::ACCOUNT_DISABLED).await;
    assert_eq!(stage.count("SELECT count(*) FROM sessions").await, 0);
}

#[tokio::test]
async fn a_cheaper_hash_is_replaced_at_the_next_login() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let weak = cheap_hash(PASSWORD);
    sqlx::query("UPDATE credentials SET password_hash = $1").bind(weak).execute(stage.db()).await.unwrap();
    stage.login(&person).await;
    let now: String =
        sqlx::query_scalar("SELECT password_hash FROM credentials").fetch_one(stage.db()).await.unwrap();
    assert!(now.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{now}");
    stage.login(&person).await;
}

fn cheap_hash(password: &str) -> String {
    use argon2::password_hash::PasswordHasher;
    let params = argon2::Params::new(16, 2, 1, None).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    argon2.hash_password(password.as_bytes()).unwrap().to_string()
}

#[tokio::test]
async fn more_logins_than_there_are_places_are_sent_away_and_told_when_to_return() {
    let env = env().await.set("ORION_HASH_CONCURRENCY", "1").set("ORION_HASH_QUEUE", "1");
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    let answers = join_all((0..30).map(|_| stage.try_login(&person.email, PASSWORD))).await;
    let (ok, busy): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status() == StatusCode::OK);
    assert!(!ok.is_empty() && !busy.is_empty(), "{} came in, {} were sent away", ok.len(), busy.len());
    assert_eq!(stage.count("SELECT count(*) FROM sessions").await, i64::try_from(ok.len()).unwrap());
    for answer in busy {
        assert_eq!(answer.headers()["retry-after"], "1");
        refused(answer, problem::UNAVAILABLE).await;
    }
    stage.login(&person).await;
}

#[tokio::test]
async fn somebody_suspended_while_the_password_is_verified_gets_no_session() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let mut held = stage.db().begin().await.unwrap();
    sqlx::query("UPDATE credentials SET status = 'suspended', version = version + 1")
        .execute(&mut *held)
        .await
        .unwrap();
    // The login reads the row as it was, verifies, and then has to wait for the suspension.
    let login = stage.try_login(&person.email, PASSWORD);
    let commit = async {
        crate::stage::until("the login waits", || async {
            stage.count("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%last_login_at%'").await == 1
        })
        .await;
        held.commit().await.unwrap();
    };
    let (answer, ()) = futures::join!(login, commit);
    refused(answer, problem::INVALID_CREDENTIALS).await;
    assert_eq!(stage.count("SELECT count(*) FROM sessions").await, 0);
}
