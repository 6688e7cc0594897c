//! Traces: what a collector gets to see, and that no collector, however it behaves, is in the way of a request.

use opentelemetry_proto::tonic::trace::v1::{span::SpanKind, status::StatusCode as SpanStatus};
use testkit::{Collector, Env, Mood, TestService, eventually, spawn};

use crate::sample::Sample;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

async fn traced(collector: &Collector) -> TestService {
    spawn::<Sample>(Env::of("user").await.set("ORION_OTLP_ENDPOINT", collector.url())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_in_its_callers_trace_in_the_words_of_the_conventions() {
    let collector = Collector::new(Mood::Takes).await;
    let service = traced(&collector).await;
    let path = format!("/items/{}?limit=3", contracts::new_id());
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let answer = service.get(&path).header("traceparent", parent).send().await.unwrap();
    assert_eq!(answer.status(), 200);

    let seen = collector.until(1).await.remove(0);
    assert_eq!((seen.trace_id.as_str(), seen.parent_id.as_str()), (TRACE, PARENT));
    assert_eq!(seen.span.name, "GET /items/{id}");
    assert_eq!(seen.span.kind(), SpanKind::Server);
    assert!(
        seen.span.start_time_unix_nano > 0 && seen.span.end_time_unix_nano >= seen.span.start_time_unix_nano
    );
    let address: std::net::SocketAddr = service.url("").trim_start_matches("http://").parse().unwrap();
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/items/{id}"),
        ("http.response.status_code", "200"),
        ("url.path", path.split('?').next().unwrap()),
        ("url.scheme", "http"),
        ("server.address", "127.0.0.1"),
        ("server.port", &address.port().to_string()),
        ("network.protocol.version", "1.1"),
    ] {
        assert_eq!(seen.attribute(name), value, "{name}: {seen:?}");
    }
    assert!(!format!("{seen:?}").contains("limit"), "no query: {seen:?}");
    for (name, value) in [
        ("service.name", "orion-user"),
        ("service.namespace", "test"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(seen.resource[name], value, "{name}");
    }
    assert!(seen.resource["service.instance.id"].parse::<uuid::Uuid>().is_ok());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_is_an_error_and_what_the_client_did_wrong_is_none() {
    let collector = Collector::new(Mood::Takes).await;
    let service = traced(&collector).await;
    for path in ["/panic", "/nowhere", "/me"] {
        service.get(path).send().await.unwrap();
    }
    let spans = collector.until(3).await;
    let by_path = |path: &str| spans.iter().find(|span| span.attribute("url.path") == path).unwrap();
    let status = |path: &str| by_path(path).span.status.as_ref().map_or(SpanStatus::Unset, |s| s.code());
    assert_eq!((status("/panic"), by_path("/panic").attribute("error.type")), (SpanStatus::Error, "500"));
    assert_eq!((status("/nowhere"), by_path("/nowhere").span.name.as_str()), (SpanStatus::Unset, "GET"));
    assert_eq!(
        (status("/me"), by_path("/me").attribute("http.response.status_code")),
        (SpanStatus::Unset, "401")
    );
    let traces: std::collections::HashSet<_> = spans.iter().map(|span| &span.trace_id).collect();
    assert_eq!(traces.len(), 3, "each begins a trace of its own");
    assert!(!format!("{spans:?}").contains("secret"), "why a handler panicked is for the log");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_to_be_recorded_is_not() {
    let collector = Collector::new(Mood::Takes).await;
    let env = Env::of("user").await.set("ORION_OTLP_ENDPOINT", collector.url());
    let service = spawn::<Sample>(env.set("ORION_OTLP_SAMPLE_RATIO", "0")).await;
    let health = catalog::service("user").unwrap().health_path;
    for path in [health, "/maybe"] {
        assert_eq!(service.get(path).send().await.unwrap().status(), 200);
    }
    let with = async |flags: &str| {
        let parent = format!("00-{TRACE}-{PARENT}-{flags}");
        service.get("/maybe").header("traceparent", parent).send().await.unwrap();
    };
    with("00").await;
    // Its caller has decided, whatever the ratio.
    with("01").await;
    service.stop().await;
    let spans = collector.spans();
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(spans[0].trace_id, TRACE);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_at_the_end_is_delivered_before_it() {
    let collector = Collector::new(Mood::Takes).await;
    let service = traced(&collector).await;
    for _ in 0..700 {
        service.get("/maybe").send().await.unwrap();
    }
    service.stop().await;
    assert_eq!(collector.spans().len(), 700, "more than a batch");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_collector_is_in_the_way_of_a_request_and_what_does_not_fit_is_counted() {
    for mood in [Some(Mood::Silent), Some(Mood::Refuses(503)), Some(Mood::Refuses(429)), None] {
        let collector = Collector::new(mood.unwrap_or(Mood::Takes)).await;
        // Nobody listens on port 9.
        let url = if mood.is_some() { collector.url() } else { "http://127.0.0.1:9" };
        let service = spawn::<Sample>(Env::of("user").await.set("ORION_OTLP_ENDPOINT", url)).await;
        // More than may wait and be under way together.
        let ask = async || {
            for _ in 0..300 {
                assert_eq!(service.get("/maybe").send().await.unwrap().status(), 200, "{mood:?}");
            }
        };
        futures::future::join_all((0..10).map(|_| ask())).await;
        if mood == Some(Mood::Silent) {
            let metrics = testkit::client().get(service.management("/metrics")).send().await.unwrap();
            let metrics = metrics.text().await.unwrap();
            assert!(
                metrics.contains(r#"orion_otlp_spans_total{service="user",outcome="dropped"}"#),
                "{metrics}"
            );
        }
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_comes_back_gets_what_is_new() {
    let collector = Collector::new(Mood::Refuses(400)).await;
    let service = traced(&collector).await;
    service.get("/maybe").send().await.unwrap();
    eventually("it was refused", || async { (collector.asked() > 0).then_some(()) }).await;
    collector.becomes(Mood::Takes);
    eventually("it takes again", || async {
        service.get("/maybe").send().await.unwrap();
        (!collector.spans().is_empty()).then_some(())
    })
    .await;
    service.stop().await;
}
