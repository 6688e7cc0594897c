//! Readiness does not follow a store; deep health does, and comes back.

use chassis::Chassis;
use contracts::health::{Health, HealthSummary, Status};
use testkit::{Env, Proxy, TestService, client, eventually, spawn};

use crate::sample::Sample;

async fn deep(service: &TestService) -> Health {
    client().get(service.management("/healthz")).send().await.unwrap().json().await.unwrap()
}

async fn until(service: &TestService, check: &str, wanted: Status) -> Health {
    eventually(&format!("{check} is {wanted:?}"), || async {
        let health = deep(service).await;
        (health.checks[check].status == wanted).then_some(health)
    })
    .await
}

async fn still_ready(service: &TestService) {
    for path in ["/livez", "/readyz"] {
        assert_eq!(client().get(service.management(path)).send().await.unwrap().status(), 200, "{path}");
    }
}

async fn summary(service: &TestService) -> (u16, HealthSummary) {
    let path = catalog::service("user").unwrap().health_path;
    let answer = service.get(path).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Cut and restored, with everything else staying.
async fn away_and_back(variable: &str, check: &str, without: Status) -> (TestService, Proxy) {
    let (env, proxy) = Env::of("user").await.through_proxy(variable).await;
    let service = spawn::<Sample>(env).await;
    let health = until(&service, check, Status::Ok).await;
    assert_eq!((health.status, health.service.as_str(), health.checks.len()), (Status::Ok, "user", 4));
    assert_eq!(summary(&service).await.0, 200);

    proxy.cut();
    let health = until(&service, check, without).await;
    assert_eq!(health.status, without);
    assert!(health.checks[check].error.is_some(), "it says why");
    let (code, said) = summary(&service).await;
    assert_eq!((code, said.status), (if without == Status::Down { 503 } else { 200 }, without));
    still_ready(&service).await;

    proxy.restore();
    assert_eq!(until(&service, check, Status::Ok).await.status, Status::Ok);
    (service, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_named_and_found_again() {
    let (service, _proxy) = away_and_back("ORION_DATABASE_URL", "postgres", Status::Down).await;
    assert_eq!(service.get("/waiting").send().await.unwrap().status(), 200, "the pool works again");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_redis_is_named_and_found_again() {
    let (service, _proxy) = away_and_back("ORION_REDIS_URL", "redis", Status::Down).await;
    let put = service.request(reqwest::Method::PUT, "/notes/user:a").send().await.unwrap();
    assert_eq!(put.status(), 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_rabbitmq_is_named_and_found_again() {
    let (service, _proxy) = away_and_back("ORION_AMQP_URL", "rabbitmq", Status::Down).await;
    let chassis: &Chassis = service.chassis();
    chassis.bus().check().await.unwrap();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_peer_only_degrades() {
    away_and_back("ORION_PEER_AUTH_URL", "auth", Status::Degraded).await.0.stop().await;
}
