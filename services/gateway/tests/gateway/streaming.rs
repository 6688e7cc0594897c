//! Bodies pass in both directions as they come.

use contracts::problem as kind;
use reqwest::StatusCode;
use testkit::problem;

use crate::raw::Wire;
use crate::support::{address, over, over_with, status};

const PATH: &str = "/api/user/register";

#[tokio::test]
async fn an_answer_comes_before_the_request_has_ended_and_both_go_on() {
    let gateway = over(|mut wire, _| async move {
        // The answer begins when only the first piece of the request is there, and echoes what follows.
        wire.until("one").await;
        wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nONE\r\n").await;
        wire.until("two").await;
        wire.send("3\r\nTWO\r\n").await;
        wire.until("0\r\n\r\n").await;
        wire.send("0\r\n\r\n").await;
    })
    .await;
    let mut client = Wire::open(address(&gateway)).await;
    client
        .send(format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"))
        .await;
    assert_eq!(status(&client.head().await), 200);
    client.until("ONE").await;
    client.send("3\r\ntwo\r\n").await;
    client.until("TWO").await;
    client.send("0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_length_that_was_announced_stays_announced() {
    let gateway = over(|mut wire, head| async move {
        assert!(head.contains("content-length: 5") && !head.contains("transfer-encoding"), "{head}");
        wire.until("hello").await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nworld").await;
    })
    .await;
    let answer = gateway.post(PATH).body("hello").send().await.unwrap();
    assert_eq!(answer.headers()["content-length"], "5");
    assert_eq!(answer.text().await.unwrap(), "world");
}

#[tokio::test]
async fn a_head_request_has_its_length_and_no_body() {
    let gateway = over(|mut wire, head| async move {
        assert!(head.starts_with("HEAD "), "{head}");
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 12345\r\n\r\n").await;
        wire.rest().await;
    })
    .await;
    let answer = gateway.request(reqwest::Method::HEAD, PATH).send().await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["content-length"]),
        (StatusCode::OK, &"12345".parse().unwrap())
    );
}

#[tokio::test]
async fn more_than_the_limit_is_413_announced_or_not() {
    let gateway = over_with(
        |mut wire, _| async move {
            wire.rest().await;
        },
        |env| env.set("ORION_BODY_LIMIT", "1000"),
    )
    .await;
    let announced = gateway.post(PATH).body(vec![b'x'; 1001]).send().await.unwrap();
    assert!(problem(announced).await.is(kind::BODY_TOO_LARGE));
    let mut client = Wire::open(address(&gateway)).await;
    client.send(format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
    for _ in 0..3 {
        client.send(format!("190\r\n{}\r\n", "x".repeat(400))).await;
    }
    let head = client.head().await;
    assert!(status(&head) == 413 && head.contains("application/problem+json"), "{head}");
}

#[tokio::test]
async fn a_large_answer_passes_whole() {
    const SIZE: usize = 32 << 20;
    let gateway = over(|mut wire, _| async move {
        wire.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n")).await;
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..SIZE / piece.len() {
            wire.send(&piece).await;
        }
        wire.rest().await;
    })
    .await;
    let body = gateway.get(PATH).send().await.unwrap().bytes().await.unwrap();
    assert_eq!((body.len(), body.iter().all(|b| *b == b'x')), (SIZE, true));
}

#[tokio::test]
async fn a_connection_that_changes_its_protocol_is_passed_on() {
    let gateway = over(|mut wire, head| async move {
        assert!(head.contains("connection: upgrade") && head.contains("upgrade: echo"), "{head}");
        wire.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
        wire.until("ping").await;
        wire.send("pong").await;
        wire.rest().await;
    })
    .await;
    let mut client = Wire::open(address(&gateway)).await;
    client
        .send(format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"))
        .await;
    let head = client.head().await;
    assert!(status(&head) == 101 && head.contains("upgrade: echo"), "{head}");
    client.send("ping").await;
    client.until("pong").await;
}
