//! What a failure says: the place and the store's own words, in one line.

use std::time::Duration;

use storekeeper::document::Document;
use storekeeper::provision::{Args, main, provision};

use super::support::{Place, run};

#[tokio::test]
async fn a_wrong_administrators_password_is_named_for_each_store() {
    let place = Place::new().await;
    let wrong = place.file("wrong", "wrong");

    let mut postgres = place.postgres();
    postgres.server.admin_password_file = wrong.clone();
    let port = postgres.server.port;
    let user = place.postgres.username;
    let failure = run(&Document { postgres: Some(postgres), ..Document::default() }).await.unwrap_err();
    let words = format!("password authentication failed for user \"{user}\"");
    assert!(failure.to_string().starts_with("postgres"), "{failure}");
    assert!(failure.to_string().ends_with(&format!(":{port}: {words}")), "{failure}");

    let mut redis = place.redis();
    redis.server.admin_password_file = wrong.clone();
    let failure = run(&Document { redis: Some(redis), ..Document::default() }).await.unwrap_err().to_string();
    assert!(failure.contains("login refused for user") && failure.contains("WRONGPASS"), "{failure}");

    let mut rabbitmq = place.rabbitmq();
    rabbitmq.server.admin_password_file = wrong;
    let failure =
        run(&Document { rabbitmq: Some(rabbitmq), ..Document::default() }).await.unwrap_err().to_string();
    assert!(failure.contains("login refused for user"), "{failure}");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_tried_again_and_named_in_the_end() {
    let place = Place::new().await;
    let mut postgres = place.postgres();
    // The discard port: nothing listens there.
    postgres.server.port = 9;
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let count = |_| {
        tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let document = Document { postgres: Some(postgres), ..Document::default() };
    let failure = provision(&document, Duration::from_secs(2), &count).await.unwrap_err().to_string();
    assert!(failure.contains(":9: ") && failure.contains("refused"), "{failure}");
    assert!(tries.into_inner() > 1);
}

#[tokio::test]
async fn the_reason_is_left_for_the_operator_in_one_line() {
    let place = Place::new().await;
    let mut postgres = place.postgres();
    postgres.server.admin_password_file = place.file("wrong", "wrong");
    let document = Document { postgres: Some(postgres), ..Document::default() };
    let config = place.file("provision.json", &serde_json::to_string(&document).unwrap());
    let termination_log = place.file("termination-log", "");
    let code = main(&Args { config, patience: 5, termination_log: termination_log.clone() }).await;
    assert_ne!(code, std::process::ExitCode::SUCCESS);
    let reason = std::fs::read_to_string(termination_log).unwrap();
    assert_eq!(reason.lines().count(), 1);
    assert!(reason.contains("password authentication failed"), "{reason}");
}

#[tokio::test]
async fn a_document_with_an_unknown_key_or_a_missing_file_is_refused() {
    let place = Place::new().await;
    let config = place.file("provision.json", r#"{"postgres": null, "mysql": {}}"#);
    let failure = Document::read(&config).unwrap_err().to_string();
    assert!(failure.contains("unknown field `mysql`"), "{failure}");
    let mut postgres = place.postgres();
    postgres.server.admin_password_file = "/nonexistent/password".into();
    let failure =
        run(&Document { postgres: Some(postgres), ..Document::default() }).await.unwrap_err().to_string();
    assert!(failure.contains("/nonexistent/password"), "{failure}");
}
