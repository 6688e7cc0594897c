//! The internal API for the user service.

use crate::stage::{PASSWORD, Stage, WAITING, credential_body, env, refused, tokens};
use contracts::auth::Credential;
use contracts::{SERVICE_TOKEN_HEADER, new_id, problem};
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn putting_the_same_credential_again_changes_nothing_and_says_so() {
    let stage = Stage::new().await;
    let (id, body) = (new_id(), credential_body("Ada@Example.org"));
    let first = stage.credential(id, &body).send().await.unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    let before = stage.everything().await;
    for email in ["Ada@Example.org", "ada@example.org"] {
        let again = stage.credential(id, &credential_body(email)).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::OK);
    }
    assert_eq!(stage.everything().await, before);
    tokens(stage.try_login("ada@example.org", PASSWORD).await).await;
}

#[tokio::test]
async fn a_credential_that_differs_or_an_email_that_is_taken_is_a_conflict() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let before = stage.everything().await;
    let taken = stage.credential(new_id(), &credential_body(&person.email.to_uppercase()));
    refused(taken.send().await.unwrap(), problem::EMAIL_TAKEN).await;
    let other_email = stage.credential(person.id, &credential_body("other@example.org"));
    refused(other_email.send().await.unwrap(), problem::CONFLICT).await;
    let mut body = credential_body(&person.email);
    body["password"] = json!("another password");
    refused(stage.credential(person.id, &body).send().await.unwrap(), problem::CONFLICT).await;
    assert_eq!(stage.everything().await, before);
}

#[tokio::test]
async fn callers_that_race_make_one_credential() {
    let stage = Stage::new().await;
    let (id, body) = (new_id(), credential_body("same@example.org"));
    let same =
        join_all((0..4).map(|_| async { stage.credential(id, &body).send().await.unwrap().status() })).await;
    assert_eq!(same.iter().filter(|s| **s == StatusCode::CREATED).count(), 1, "{same:?}");
    assert_eq!(same.iter().filter(|s| **s == StatusCode::OK).count(), 3, "{same:?}");
    let body = credential_body("wanted@example.org");
    let others =
        join_all((0..4).map(|_| async { stage.credential(new_id(), &body).send().await.unwrap().status() }))
            .await;
    assert_eq!(others.iter().filter(|s| **s == StatusCode::CREATED).count(), 1, "{others:?}");
    assert_eq!(others.iter().filter(|s| **s == StatusCode::CONFLICT).count(), 3, "{others:?}");
}

#[tokio::test]
async fn a_caller_killed_at_any_moment_repeats_and_has_one_whole_credential() {
    let stage = Stage::new().await;
    // From before the request is read to after it is answered.
    for millis in (0..60).step_by(6) {
        let (id, email) = (new_id(), format!("killed{millis}@example.org"));
        let body = credential_body(&email);
        let killed =
            tokio::time::timeout(Duration::from_millis(millis), stage.credential(id, &body).send()).await;
        drop(killed);
        let again = stage.credential(id, &body).send().await.unwrap().status();
        assert!([StatusCode::CREATED, StatusCode::OK].contains(&again), "after {millis} ms: {again}");
        let user = tokens(stage.try_login(&email, PASSWORD).await).await.user;
        assert_eq!((user.id, user.email, user.roles), (id, email, vec!["user".to_owned()]));
    }
    assert_eq!(stage.count("SELECT count(*) FROM credentials").await, 10);
}

#[tokio::test]
async fn deleting_ends_everything_of_the_person_and_can_be_repeated() {
    let stage = Stage::new().await;
    let (person, other) = (stage.person().await, stage.person().await);
    let (session, bystander) = (stage.login(&person).await, stage.login(&other).await);
    let url = stage.service.url(&format!("/internal/credentials/{}", person.id));
    let with_token =
        |method: Method| stage.client.request(method, &url).header(SERVICE_TOKEN_HEADER, &stage.user_token);
    let there: Credential = with_token(Method::GET).send().await.unwrap().json().await.unwrap();
    assert_eq!((there.user_id, there.email), (person.id, person.email.clone()));
    for _ in 0..2 {
        assert_eq!(with_token(Method::DELETE).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    }
    refused(with_token(Method::GET).send().await.unwrap(), problem::NOT_FOUND).await;
    refused(stage.try_me(&session.access_token).await, problem::TOKEN_REVOKED).await;
    refused(stage.try_refresh(&session.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
    refused(stage.try_login(&person.email, PASSWORD).await, problem::INVALID_CREDENTIALS).await;
    stage.me(&bystander.access_token).await;
    assert_eq!(stage.count("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn nobody_but_the_user_service_may_touch_credentials() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let session = stage.login(&person).await;
    let before = stage.everything().await;
    let url = stage.service.url(&format!("/internal/credentials/{}", person.id));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = || stage.client.request(method.clone(), &url).json(&credential_body("x@example.org"));
        refused(request().send().await.unwrap(), problem::CALLER_UNAUTHENTICATED).await;
        let persons = request().header(SERVICE_TOKEN_HEADER, &session.access_token);
        refused(persons.send().await.unwrap(), problem::CALLER_UNAUTHENTICATED).await;
        let gateways = request().header(SERVICE_TOKEN_HEADER, &stage.gateway_token);
        refused(gateways.send().await.unwrap(), problem::CALLER_FORBIDDEN).await;
    }
    assert_eq!(stage.everything().await, before);
}

#[tokio::test]
async fn however_many_credentials_are_stored_at_once_logins_keep_their_places() {
    let env = env().await.set("ORION_HASH_CONCURRENCY", "1").set("ORION_HASH_QUEUE", "0");
    let stage = Stage::of(env.set("ORION_NEW_HASH_QUEUE", "1")).await;
    let person = stage.person().await;
    let bodies: Vec<_> = (0..20).map(|n| credential_body(&format!("new{n}@example.org"))).collect();
    let puts = join_all(bodies.iter().map(|body| stage.credential(new_id(), body).send()));
    let login = async {
        // Not before some of them are hashed.
        stage.until_count("SELECT count(*) FROM credentials", 2).await;
        stage.try_login(&person.email, PASSWORD).await
    };
    let (answers, login) = futures::join!(puts, login);
    tokens(login).await;
    let mut stored = 1;
    for answer in answers.into_iter().map(Result::unwrap) {
        if answer.status() == StatusCode::CREATED {
            stored += 1;
            continue;
        }
        assert_eq!(answer.headers()["retry-after"], "1");
        refused(answer, problem::TOO_MANY_REQUESTS).await;
    }
    assert!(stored < 21, "some were sent away");
    assert_eq!(stage.count("SELECT count(*) FROM credentials").await, stored);
}

#[tokio::test]
async fn deleting_somebody_who_logs_out_waits_for_no_one_who_waits_for_it() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let session = stage.login(&person).await;
    let mut held = stage.db().begin().await.unwrap();
    sqlx::query("SELECT 1 FROM credentials FOR NO KEY UPDATE").execute(&mut *held).await.unwrap();
    let url = stage.service.url(&format!("/internal/credentials/{}", person.id));
    let delete = stage.client.delete(url).header(SERVICE_TOKEN_HEADER, &stage.user_token).send();
    let logout = async {
        stage.until_count(WAITING, 1).await;
        stage.try_logout(&session.access_token, false).await
    };
    let release = async {
        stage.until_count(WAITING, 2).await;
        held.commit().await.unwrap();
    };
    let (delete, logout, ()) = futures::join!(delete, logout, release);
    assert_eq!((delete.unwrap().status(), logout.status()), (StatusCode::NO_CONTENT, StatusCode::OK));
}
