//! An event that was committed arrives, whatever happens to the broker meanwhile.

use testkit::{Env, Proxy, TestService, eventually, spawn};

use crate::sample::{Sample, Waiting};

const EXCHANGE: &str = "user.events";

async fn emit(service: &TestService) -> String {
    let answer = service.post("/events").header("x-request-id", "the-request").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

async fn until(service: &TestService, what: &str, fits: impl Fn(&Waiting) -> bool) -> Waiting {
    eventually(what, || async {
        let waiting: Waiting = service.get("/waiting").send().await.unwrap().json().await.unwrap();
        fits(&waiting).then_some(waiting)
    })
    .await
}

/// Returns when the service has noticed: until then an event may still slip through.
async fn cut(proxy: &Proxy, service: &TestService) {
    proxy.cut();
    eventually("the broker is missed", || async { service.chassis().bus().check().await.err() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_leaves_with_its_transaction_and_names_its_request() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let mut queue = service.env().vhost().queue(EXCHANGE, &["user.created"]).await;
    let id = emit(&service).await;
    let event = queue.next().await;
    assert_eq!(event["eventType"], "user.created");
    assert_eq!((&event["userId"], &event["aggregateId"]), (&id.clone().into(), &id.into()));
    assert_eq!(event["correlationId"], "the-request");
    assert_eq!(event["userData"]["firstName"], "Ada");
    until(&service, "the outbox is empty", |waiting| waiting.count == 0).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_nobody_listens_for_is_settled_where_the_catalog_allows_it() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    emit(&service).await;
    until(&service, "the outbox is empty", |waiting| waiting.count == 0).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_while_the_broker_is_away_and_leave_when_it_is_back() {
    let (env, proxy) = Env::of("user").await.through_proxy("ORION_AMQP_URL").await;
    let service = spawn::<Sample>(env).await;
    let mut queue = service.env().vhost().queue(EXCHANGE, &["user.created"]).await;
    for _ in 0..3 {
        cut(&proxy, &service).await;
        let sent = [emit(&service).await, emit(&service).await];
        let waiting = until(&service, "both wait", |waiting| waiting.count == 2).await;
        assert_eq!(waiting.attempts, 0, "the broker's absence is not held against an event");
        proxy.restore();
        let arrived = [queue.next().await, queue.next().await];
        assert_eq!(arrived.map(|event| event["userId"].as_str().unwrap().to_owned()), sent);
        // Cut before the broker's word is in, an event would be sent twice, as it may.
        until(&service, "the outbox is empty", |waiting| waiting.count == 0).await;
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_leave_after_an_administrator_ended_the_connection() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let mut queue = service.env().vhost().queue(EXCHANGE, &["user.created"]).await;
    for _ in 0..3 {
        service.env().vhost().kick("user").await;
        let id = emit(&service).await;
        assert_eq!(queue.next().await["userId"], id);
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_exchange_is_missing_waits_for_it_with_the_reason() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    service.env().vhost().without_exchange(EXCHANGE).await;
    let id = emit(&service).await;
    let waiting = until(&service, "an attempt failed", |waiting| waiting.attempts > 0).await;
    assert!(waiting.error.unwrap().contains("no exchange"), "it says why");
    service.env().vhost().with_exchange(EXCHANGE).await;
    let mut queue = service.env().vhost().queue(EXCHANGE, &["user.created"]).await;
    assert_eq!(queue.next().await["userId"], id);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_stopped_finds_its_events_again() {
    let (env, proxy) = Env::of("user").await.through_proxy("ORION_AMQP_URL").await;
    let service = spawn::<Sample>(env).await;
    cut(&proxy, &service).await;
    let id = emit(&service).await;
    until(&service, "it waits", |waiting| waiting.count == 1).await;
    let env = service.stop().await;
    proxy.restore();
    let mut queue = env.vhost().queue(EXCHANGE, &["user.created"]).await;
    let service = spawn::<Sample>(env).await;
    assert_eq!(queue.next().await["userId"], id);
    service.stop().await;
}
