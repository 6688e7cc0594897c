//! Guessing gets slower and slower, and the door always opens again.

use crate::stage::{PASSWORD, Stage, WAITING, env, refused};
use contracts::{SERVICE_TOKEN_HEADER, problem};
use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::json;

async fn locked_for(answer: reqwest::Response) -> i64 {
    let seconds = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    refused(answer, problem::ACCOUNT_LOCKED).await;
    seconds
}

async fn guess(stage: &Stage, email: &str, times: usize) {
    for _ in 0..times {
        refused(stage.try_login(email, "wrong").await, problem::INVALID_CREDENTIALS).await;
    }
}

#[tokio::test]
async fn each_failure_from_the_fifth_on_locks_twice_as_long_and_the_lock_ends() {
    let env = env().await;
    let mut events = env.vhost().queue("auth.events", &["security.suspicious_activity"]).await;
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    guess(&stage, &person.email, 5).await;
    assert_eq!(locked_for(stage.try_login(&person.email, PASSWORD).await).await, 30);
    stage.pass(SignedDuration::from_secs(30));
    guess(&stage, &person.email, 1).await;
    assert_eq!(locked_for(stage.try_login(&person.email, PASSWORD).await).await, 60);
    stage.pass(SignedDuration::from_secs(59));
    assert_eq!(locked_for(stage.try_login(&person.email, PASSWORD).await).await, 1);
    stage.pass(SignedDuration::from_secs(1));
    stage.login(&person).await;
    // The right password also cleared the count.
    guess(&stage, &person.email, 4).await;
    stage.login(&person).await;

    let event = events.next().await;
    assert_eq!((&event["reason"], &event["userId"]), (&"account-locked".into(), &json!(person.id)));
    assert_eq!(stage.count("SELECT count(*) FROM security_events WHERE kind = 'account_locked'").await, 2);
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_locked_just_the_same() {
    let stage = Stage::new().await;
    guess(&stage, "nobody@example.org", 5).await;
    assert_eq!(locked_for(stage.try_login("Nobody@example.org", "wrong").await).await, 30);
}

#[tokio::test]
async fn an_address_that_guesses_many_accounts_is_locked_and_cannot_pose_as_another() {
    let env = env().await.set("ORION_LOCKOUT_ADDRESS_AFTER", "3");
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    let login = |forwarded: &str, gateway: bool| {
        let request = stage.post("/api/auth/login").header("x-forwarded-for", forwarded);
        let request =
            if gateway { request.header(SERVICE_TOKEN_HEADER, &stage.gateway_token) } else { request };
        request.json(&json!({ "email": person.email, "password": PASSWORD })).send()
    };
    for other in 0..3 {
        guess(&stage, &format!("person{other}@example.org"), 1).await;
    }
    assert_eq!(locked_for(login("198.51.100.7", false).await.unwrap()).await, 30);
    assert_eq!(
        login("198.51.100.7", true).await.unwrap().status(),
        StatusCode::OK,
        "the gateway is believed"
    );
    stage.pass(SignedDuration::from_secs(30));
    stage.login(&person).await;
    // A good login of one's own account does not pay for guessing others.
    guess(&stage, "person9@example.org", 1).await;
    assert_eq!(locked_for(login("203.0.113.1", false).await.unwrap()).await, 60);
}

/// Behind a NodePort the gateway may see nodes in place of clients, and then says nothing of an address.
#[tokio::test]
async fn strangers_whose_addresses_the_gateway_does_not_know_do_not_lock_each_other_out() {
    let env = env().await.set("ORION_LOCKOUT_ADDRESS_AFTER", "3");
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    let login = |email: String, password: &'static str| {
        let request = stage.post("/api/auth/login").header(SERVICE_TOKEN_HEADER, &stage.gateway_token);
        request.json(&json!({ "email": email, "password": password })).send()
    };
    for other in 0..6 {
        let answer = login(format!("person{other}@example.org"), "wrong").await.unwrap();
        refused(answer, problem::INVALID_CREDENTIALS).await;
    }
    assert_eq!(login(person.email.clone(), PASSWORD).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn guesses_sent_all_at_once_get_no_more_tries_than_one_after_another() {
    let env = env().await.set("ORION_HASH_CONCURRENCY", "1").set("ORION_HASH_QUEUE", "100");
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    let answers = join_all((0..20).map(|n| {
        let password = format!("guess {n}");
        let (stage, person) = (&stage, &person);
        async move { stage.try_login(&person.email, &password).await.status() }
    }))
    .await;
    let tried = answers.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
    let locked = answers.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!((tried, locked), (5, 15));
}

#[tokio::test]
async fn a_good_and_a_bad_login_at_once_do_not_wait_for_each_other() {
    let env = env().await.set("ORION_HASH_CONCURRENCY", "4").set("ORION_LOCKOUT_ACCOUNT_AFTER", "2");
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    guess(&stage, &person.email, 1).await;
    let mut held = stage.db().begin().await.unwrap();
    sqlx::query("SELECT 1 FROM rate_limits WHERE kind = 'account' FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();
    // Its failure locks the account, which is an event about the person: it needs both rows.
    let bad = stage.try_login(&person.email, "wrong");
    let good = async {
        stage.until_count(WAITING, 1).await;
        stage.try_login(&person.email, PASSWORD).await
    };
    let release = async {
        stage.until_count(WAITING, 2).await;
        held.commit().await.unwrap();
    };
    let (bad, good, ()) = futures::join!(bad, good, release);
    assert_eq!((bad.status(), good.status()), (StatusCode::UNAUTHORIZED, StatusCode::OK));
}
