//! Services and clients that break, hang or talk nonsense: an answer or an end comes in every case.

use contracts::{ProblemType, problem as kind};
use reqwest::StatusCode;
use testkit::{Env, TestService, eventually, problem};
use tokio::sync::mpsc;

use crate::raw::Wire;
use crate::support::{address, over, over_with, status};

const PATH: &str = "/api/user/register";

fn impatient(env: Env) -> Env {
    env.set("ORION_UPSTREAM_TIMEOUT", "200ms").set("ORION_IDLE_TIMEOUT", "200ms")
}

async fn fails(gateway: &TestService, kind: ProblemType) {
    let answer = gateway.get(PATH).send().await.unwrap();
    assert!(answer.headers().contains_key("retry-after"));
    let document = problem(answer).await;
    assert!(document.is(kind), "{document:?}");
    assert!(document.detail.is_some_and(|d| d.contains("user service") && !d.contains("127.0.0.1")));
}

/// Only where no limit is so short that a busy machine exceeds it.
async fn concerns_no_other(gateway: &TestService) {
    let other = gateway.get("/.well-known/jwks.json").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::OK, "other services are not concerned");
}

#[tokio::test]
async fn a_service_that_is_gone_is_named() {
    let (env, line) = {
        let user = crate::raw::service(|_, _| async {}).await;
        crate::support::env(user).await.through_proxy("ORION_PEER_USER_URL").await
    };
    let gateway = testkit::spawn::<gateway::Gateway>(env).await;
    line.cut();
    fails(&gateway, kind::BAD_GATEWAY).await;
    concerns_no_other(&gateway).await;
}

#[tokio::test]
async fn a_service_that_nobody_listens_for_is_unavailable() {
    // It answers once, for the gateway's start, and then never accepts again.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let user = listener.local_addr().unwrap();
    let once = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
    });
    let gateway = testkit::spawn::<gateway::Gateway>(crate::support::env(user).await).await;
    once.await.unwrap();
    fails(&gateway, kind::UNAVAILABLE).await;
    concerns_no_other(&gateway).await;
}

#[tokio::test]
async fn a_service_that_breaks_off_before_its_answer_is_502() {
    for how in ["close", "reset", "nonsense", "half a head"] {
        let gateway = over(move |mut wire, _| async move {
            match how {
                "reset" => wire.reset(),
                "nonsense" => wire.send("I am no HTTP server\r\n\r\n").await,
                "half a head" => wire.send("HTTP/1.1 200 OK\r\ncontent-le").await,
                _ => {}
            }
        })
        .await;
        fails(&gateway, kind::BAD_GATEWAY).await;
        concerns_no_other(&gateway).await;
    }
}

#[tokio::test]
async fn a_service_that_hangs_is_504() {
    let gateway = over_with(
        |mut wire, _| async move {
            wire.rest().await;
        },
        impatient,
    )
    .await;
    fails(&gateway, kind::TIMEOUT).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_stops_ends_short_and_never_looks_whole() {
    for how in ["close", "reset", "hang"] {
        for framing in ["content-length: 10\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
            let gateway = over_with(
                move |mut wire, _| async move {
                    wire.send(format!("HTTP/1.1 200 OK\r\n{framing}")).await;
                    match how {
                        "reset" => wire.reset(),
                        "hang" => drop(wire.rest().await),
                        _ => {}
                    }
                },
                impatient,
            )
            .await;
            let answer = gateway.get(PATH).send().await;
            // The break may be known before the head has left; never after it as a whole body.
            let body = match answer {
                Ok(answer) => answer.bytes().await,
                Err(error) => Err(error),
            };
            assert!(body.is_err(), "{how} {framing}: {body:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_stops_sending_is_cut_and_the_service_let_go() {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let gateway = over_with(
        move |mut wire, _| {
            let ended = ended.clone();
            async move {
                wire.rest().await;
                let _ = ended.send(());
            }
        },
        |env| env.set("ORION_IDLE_TIMEOUT", "200ms"),
    )
    .await;
    let mut client = Wire::open(address(&gateway)).await;
    client.send(format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")).await;
    let head = client.head().await;
    assert!(status(&head) == 408 && head.contains("application/problem+json"), "{head}");
    endings.recv().await.expect("the service's connection ends as well");
}

#[tokio::test]
async fn a_client_that_goes_away_lets_the_service_go() {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let (began, mut beginnings) = mpsc::unbounded_channel();
    let gateway = over(move |mut wire, _| {
        let (began, ended) = (began.clone(), ended.clone());
        async move {
            let _ = began.send(());
            wire.rest().await;
            let _ = ended.send(());
        }
    })
    .await;
    let mut client = Wire::open(address(&gateway)).await;
    client.send(format!("GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    beginnings.recv().await.unwrap();
    drop(client);
    endings.recv().await.expect("the service's connection ends as well");
}

#[tokio::test]
async fn a_slow_upload_that_moves_is_no_hang() {
    let gateway = over_with(
        |mut wire, _| async move {
            wire.until("end").await;
            wire.send("HTTP/1.1 204 No Content\r\n\r\n").await;
        },
        |env| env.set("ORION_UPSTREAM_TIMEOUT", "8s").set("ORION_IDLE_TIMEOUT", "60s"),
    )
    .await;
    let mut client = Wire::open(address(&gateway)).await;
    client.send(format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 48\r\n\r\n")).await;
    // Longer as a whole than a service may take, and each piece long before that.
    for _ in 0..45 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        client.send(".").await;
    }
    client.send("end").await;
    assert_eq!(status(&client.head().await), 204);
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_cut() {
    let gateway = over(|_, _| async {}).await;
    let mut client = Wire::open(address(&gateway)).await;
    client.send("GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    let answer = client.rest().await;
    assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_on_every_port() {
    let gateway = over(|_, _| async {}).await;
    let management = gateway.management("");
    let management = management.trim_start_matches("http://").parse().expect("an address");
    let mut clients = Vec::new();
    for port in [address(&gateway), management] {
        for said in ["", "PRI * HT"] {
            let mut client = Wire::open(port).await;
            client.send(said).await;
            clients.push(client);
        }
    }
    for mut client in clients {
        assert_eq!(client.rest().await, "");
    }
}

#[tokio::test]
async fn a_broken_connection_is_not_used_again() {
    let gateway = over(|mut wire, _| async move {
        // One good answer on a kept connection, which then ends without a word.
        wire.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    for _ in 0..20 {
        eventually("the next request finds a connection that works", || async {
            (gateway.get(PATH).send().await.unwrap().status() == StatusCode::NO_CONTENT).then_some(())
        })
        .await;
    }
}
