//! What wraps every request: ids, traces, problems for what nobody answers, and an end in sight.

use contracts::problem::*;
use reqwest::Method;
use testkit::{Env, problem, spawn};

use crate::sample::Sample;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_a_request_id_and_every_problem_names_it() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let given = service.get("/nowhere").header("x-request-id", "abc-123").send().await.unwrap();
    assert_eq!(given.headers()["x-request-id"], "abc-123");
    assert_eq!(problem(given).await.request_id.as_deref(), Some("abc-123"));

    for insane in ["a b", &"x".repeat(129)] {
        let answer = service.get("/maybe").header("x-request-id", insane).send().await.unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(id.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_answers_is_a_problem_that_gives_nothing_away() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    assert!(problem(service.get("/nowhere").send().await.unwrap()).await.is(NOT_FOUND));
    let answer = service.request(Method::DELETE, "/echo").send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "POST");
    assert!(problem(answer).await.is(METHOD_NOT_ALLOWED));

    let document = problem(service.get("/panic").send().await.unwrap()).await;
    assert!(document.is(INTERNAL) && !format!("{document:?}").contains("secret"));
    assert!(problem(service.get("/forever").send().await.unwrap()).await.is(TIMEOUT));

    let metrics = testkit::client().get(service.management("/metrics")).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let panicked = r#"http_route="/panic",http_response_status_code="500"#;
    assert!(metrics.contains(panicked) && metrics.contains("orion_build_info"), "{metrics}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_ends_with_an_answer_that_says_so() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let (client, url, ready) = (testkit::client(), service.url("/maybe"), service.management("/readyz"));
    let before = client.get(&url).send().await.unwrap();
    assert!(before.headers().get("connection").is_none() && before.bytes().await.is_ok());
    let stopping = tokio::spawn(service.stop());
    testkit::eventually("it is on its way out", || async {
        (testkit::client().get(&ready).send().await.ok()?.status() == 503).then_some(())
    })
    .await;
    let last = client.get(&url).send().await.unwrap();
    assert_eq!((last.status().as_u16(), &last.headers()["connection"]), (200, &"close".parse().unwrap()));
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_request_is_finished_before_the_end() {
    let service = spawn::<Sample>(Env::of("user").await.set("ORION_SAMPLE_SLOW", "1s")).await;
    let slow = tokio::spawn(service.get("/slow").send());
    let metrics = service.management("/readyz");
    assert_eq!(testkit::client().get(&metrics).send().await.unwrap().status(), 200);
    // Only when the request has arrived does its end say anything.
    testkit::eventually("the request runs", || async {
        service.get("/slow/begun").send().await.unwrap().status().is_success().then_some(())
    })
    .await;
    let url = service.url("/maybe");
    service.stop().await;
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    assert!(testkit::client().get(url).send().await.is_err(), "nobody listens any more");
}
