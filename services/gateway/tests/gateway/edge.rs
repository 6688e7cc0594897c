//! What holds for every request and every answer.

use contracts::problem as kind;
use reqwest::{Method, StatusCode};
use testkit::problem;

use crate::raw::{Wire, recorder};
use crate::support::{address, over, over_with, status, token};

const NEEDLE: &str = "/api/user/register";

#[tokio::test]
async fn a_service_sees_the_platforms_headers_and_none_that_a_client_forged() {
    let (serve, mut heads) = recorder();
    let gateway = over(serve).await;
    let mut client = Wire::open(address(&gateway)).await;
    client
        .send(format!(
            "GET {NEEDLE}?q=%20 HTTP/1.1\r\nHost: platform.example\r\nX-Orion-Service-Token: forged\r\n\
             X-Orion-User: root\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\n\
             X-Request-Id: mine-1\r\nAuthorization: Bearer as-it-is\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\
             Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nTE: trailers\r\n\r\n"
        ))
        .await;
    let answer = client.head().await;
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with(&format!("GET {NEEDLE}?q=%20 HTTP/1.1")), "{head}");
    for line in [
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http\n",
        "x-forwarded-host: platform.example",
        "x-request-id: mine-1",
        "authorization: Bearer as-it-is",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-",
    ] {
        assert!(head.contains(line), "{line} is missing: {head}");
    }
    let own = head
        .lines()
        .find_map(|l| l.strip_prefix("x-orion-service-token: "))
        .expect("the gateway says who it is");
    assert_eq!(own.split('.').count(), 3, "{own}");
    for absent in ["forged", "x-orion-user", "6.6.6.6", "forwarded: for", "x-hop", "\nte:"] {
        assert!(!head.contains(absent), "{absent} came through: {head}");
    }
    assert!(answer.contains("x-request-id: mine-1"), "{answer}");
    for absent in ["server:", "x-powered-by", "x-orion"] {
        assert!(!answer.contains(absent), "{absent} came out: {answer}");
    }
}

#[tokio::test]
async fn paths_that_read_differently_elsewhere_never_reach_a_service() {
    let (serve, mut heads) = recorder();
    let gateway = over(serve).await;
    let token = token(&gateway);
    for (path, expected) in [
        ("/api/user/../auth/internal", 400),
        ("/api/user/%2e%2e/auth", 400),
        ("/api/user/.%2E/auth", 400),
        ("/api/user/%252e%252e/auth", 400),
        ("/api/user/./profile", 400),
        ("/api/user//profile", 400),
        ("//api/user/profile", 400),
        ("/api/user%2fprofile", 400),
        ("/api/user/..%5cinternal", 400),
        ("/api/user/..;/internal", 400),
        ("/api/user/a%00", 400),
        ("/api/user/%zz", 400),
        ("/internal/credentials/1", 404),
        ("/Internal/credentials/1", 404),
        ("/%69nternal/credentials/1", 404),
        ("/api/users", 404),
        ("/api", 404),
        ("/", 404),
        ("/metrics", 404),
        ("/livez", 404),
        ("http://elsewhere.example/internal/credentials/1", 404),
    ] {
        let mut client = Wire::open(address(&gateway)).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        client.send(request).await;
        let answer = client.rest().await;
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        assert!(
            answer.contains("application/problem+json") && answer.contains("nosniff"),
            "{path}: {answer}"
        );
    }
    // Bytes that are no UTF-8 are a path like any other.
    let mut client = Wire::open(address(&gateway)).await;
    client
        .send(format!("GET /api/user/%ff%fe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"))
        .await;
    assert_eq!(status(&client.head().await), 204);
    assert!(heads.recv().await.unwrap().starts_with("GET /api/user/%ff%fe "));
    assert!(heads.try_recv().is_err(), "nothing else came through");
}

#[tokio::test]
async fn two_ways_to_end_a_body_never_make_two_requests() {
    let (serve, mut heads) = recorder();
    let gateway = over(serve).await;
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Content-Length: +5",
        "Content-Length : 5",
    ] {
        let mut client = Wire::open(address(&gateway)).await;
        let smuggled = "GET /api/user/register?smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
        client
            .send(format!("POST {NEEDLE} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}"))
            .await;
        let answer = client.rest().await;
        let first = status(&answer);
        assert!(first == 400 || first == 204, "{framing}: {answer}");
        while let Ok(head) = heads.try_recv() {
            assert!(head.starts_with(&format!("POST {NEEDLE} ")), "{framing} let this through: {head}");
            let framings = ["\ncontent-length:", "\ntransfer-encoding:"].map(|n| head.matches(n).count());
            assert_eq!(framings.iter().sum::<usize>(), 1, "{framing}: {head}");
        }
    }
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_431() {
    let (serve, mut heads) = recorder();
    let gateway = over(serve).await;
    let many = "X-A: 1\r\n".repeat(300);
    let large = format!("X-A: {}\r\n", "a".repeat(40_000));
    let huge = format!("X-A: {}\r\n", "a".repeat(2_000_000));
    for headers in [many, large, huge] {
        let mut client = Wire::open(address(&gateway)).await;
        // The answer may come, and the connection end, before all of it is sent.
        let request = format!("GET {NEEDLE} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n");
        let (mut reading, mut writing) = client.stream.split();
        let mut answer = Vec::new();
        let _ = tokio::join!(
            tokio::io::AsyncWriteExt::write_all(&mut writing, request.as_bytes()),
            tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut answer),
        );
        // A reset may overtake an answer to a request that was still being sent: then there is none to look at.
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.is_empty() && headers.len() > 1_000_000 || status(&answer) == 431, "{answer}");
    }
    assert!(heads.try_recv().is_err());
}

#[tokio::test]
async fn methods_that_expose_or_tunnel_are_refused() {
    let (serve, mut heads) = recorder();
    let gateway = over(serve).await;
    for request in
        [format!("TRACE {NEEDLE} HTTP/1.1\r\nHost: x"), "CONNECT x:443 HTTP/1.1\r\nHost: x:443".to_owned()]
    {
        let mut client = Wire::open(address(&gateway)).await;
        client.send(format!("{request}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&client.head().await), 405, "{request}");
    }
    assert!(heads.try_recv().is_err());
}

#[tokio::test]
async fn every_answer_tells_browsers_to_keep_their_hands_off() {
    let (serve, _heads) = recorder();
    let gateway = over(serve).await;
    for path in ["/health", NEEDLE, "/nowhere", "/api/user/profile", "/api/auth/health"] {
        let answer = gateway.get(path).send().await.unwrap();
        let headers = answer.headers();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(headers[name], value, "{path} {name}");
        }
        assert!(headers.contains_key("permissions-policy") && headers.contains_key("x-request-id"), "{path}");
        assert!(
            !headers.contains_key("strict-transport-security") && !headers.contains_key("server"),
            "{path}"
        );
        assert_eq!(
            headers.get("cache-control").is_some_and(|v| v == "no-store"),
            path != "/health" && path != NEEDLE
        );
    }
}

#[tokio::test]
async fn an_address_that_many_clients_share_is_passed_on_as_nobodys() {
    let (serve, mut heads) = recorder();
    let gateway = over_with(serve, |env| env.set("ORION_SOURCE_ADDRESS", "shared")).await;
    let answer = gateway.get(NEEDLE).header("x-forwarded-for", "6.6.6.6").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let head = heads.recv().await.unwrap();
    assert!(head.contains("x-orion-service-token: ") && !head.contains("x-forwarded-for"), "{head}");
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_about_the_client_and_tls() {
    let (serve, mut heads) = recorder();
    let gateway = over_with(serve, |env| env.set("ORION_TRUSTED_PROXIES", "127.0.0.0/8")).await;
    let request = gateway.get(NEEDLE).header("x-forwarded-for", "6.6.6.6, 198.51.100.7");
    let answer = request.header("x-forwarded-proto", "https").send().await.unwrap();
    assert!(answer.headers().contains_key("strict-transport-security"));
    let head = heads.recv().await.unwrap();
    assert!(
        head.contains("x-forwarded-for: 198.51.100.7\n") && head.contains("x-forwarded-proto: https"),
        "{head}"
    );
}

#[tokio::test]
async fn listed_origins_may_read_answers_and_problems() {
    let (serve, mut heads) = recorder();
    let gateway = over_with(serve, |env| env.set("ORION_CORS_ORIGINS", "https://app.example")).await;
    let preflight = gateway
        .request(Method::OPTIONS, "/api/user/profile")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "PATCH");
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    assert!(preflight.headers()["access-control-allow-methods"].to_str().unwrap().contains("PATCH"));
    assert!(heads.try_recv().is_err(), "the gateway answers that itself");
    for (path, expected) in [(NEEDLE, 204), ("/api/user/profile", 401), ("/nowhere", 404), ("/a//b", 400)] {
        let answer = gateway.get(path).header("origin", "https://app.example").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example", "{path}");
        let other = gateway.get(path).header("origin", "https://evil.example").send().await.unwrap();
        assert!(!other.headers().contains_key("access-control-allow-origin"), "{path}");
        assert_eq!(other.headers()["vary"], "origin", "{path}");
    }
}

#[tokio::test]
async fn health_says_how_each_service_is() {
    let (serve, _heads) = recorder();
    let cluster = testkit::Cluster::new();
    let user = crate::raw::service(serve).await;
    let (env, line) = cluster
        .env("gateway")
        .await
        .peer("user", &format!("http://{user}"))
        .through_proxy("ORION_PEER_USER_URL")
        .await;
    let gateway = testkit::spawn::<gateway::Gateway>(env).await;
    let health =
        async || gateway.get("/health").send().await.unwrap().json::<serde_json::Value>().await.unwrap();
    let good = health().await;
    assert_eq!((&good["status"], &good["service"]), (&"ok".into(), &"gateway".into()));
    assert_eq!(good["upstreams"], serde_json::json!({"auth": "ok", "user": "ok"}));
    line.cut();
    testkit::eventually("it is noticed", || async {
        let health = health().await;
        (health["upstreams"]["user"] == "degraded" && health["status"] == "degraded").then_some(())
    })
    .await;
    let refused = problem(gateway.get(NEEDLE).send().await.unwrap()).await;
    assert!(refused.is(kind::BAD_GATEWAY) || refused.is(kind::UNAVAILABLE), "{refused:?}");
    let metrics =
        testkit::client().get(gateway.management("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("orion_gateway_upstream_duration_seconds") && metrics.contains("upstream=\"user\"")
    );
}
