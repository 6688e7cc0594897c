//! Input that cannot be right never reaches a handler, and the answer says which field and why.

use contracts::problem::*;
use reqwest::StatusCode;
use testkit::{Env, TestService, problem, spawn};

use crate::sample::Sample;

async fn refused(service: &TestService, path: &str, content_type: &str, body: &[u8]) -> ProblemDocument {
    let answer =
        service.post(path).header("content-type", content_type).body(body.to_vec()).send().await.unwrap();
    problem(answer).await
}

fn fields(document: &ProblemDocument) -> Vec<&str> {
    let mut fields: Vec<&str> = document.errors.iter().map(|error| error.field.as_str()).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_right_is_refused_with_the_reason() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let json = "application/json";
    let good = service
        .post("/echo")
        .header("content-type", json)
        .body(r#"{"shortName":"ada"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(good.status(), StatusCode::OK);

    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
    {
        let document = refused(&service, "/echo", content_type, br#"{"shortName":"ada"}"#).await;
        assert!(document.is(UNSUPPORTED_MEDIA_TYPE), "{content_type}");
    }
    for malformed in [
        &b""[..],
        b"{",
        b"{\"shortName\":\"ada\"} trailing",
        b"[1,2",
        b"{\"shortName\":\"a\xff\xfe\"}",
        br#"{"shortName":"a\u0000"}"#,
        br#"{"shortName":"a","shortName":"b"}"#,
        b"null",
    ] {
        let document = refused(&service, "/echo", json, malformed).await;
        assert!(document.is(MALFORMED_BODY), "{}", String::from_utf8_lossy(malformed));
    }

    let document = refused(&service, "/echo", json, br#"{"shortName":"ada","admin":true}"#).await;
    assert!(document.is(MALFORMED_BODY));
    assert_eq!(fields(&document), ["admin"]);
    let document = refused(&service, "/echo", json, br#"{"shortName":{"hunter2":1}}"#).await;
    assert_eq!(fields(&document), ["shortName"]);
    let document = refused(&service, "/echo", json, br#"{"shortName":"ada","count":"hunter2"}"#).await;
    assert_eq!((document.status, fields(&document)), (400, vec!["count"]));
    assert!(!format!("{document:?}").contains("hunter2"), "a value is not echoed");

    let document = refused(&service, "/echo", json, br#"{"shortName":"much too long","count":11}"#).await;
    assert!(document.is(VALIDATION_FAILED));
    assert_eq!(fields(&document), ["count", "shortName"]);

    let large = vec![b' '; (1 << 20) + 1];
    assert!(refused(&service, "/echo", json, &large).await.is(BODY_TOO_LARGE));
    assert!(refused(&service, "/small", json, &[b' '; 65]).await.is(BODY_TOO_LARGE));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_or_query_that_cannot_be_right_is_refused() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let id = contracts::new_id();
    let good = service.get(&format!("/items/{id}?limit=7")).send().await.unwrap();
    assert_eq!(good.text().await.unwrap(), format!("{id} 7"));

    let no_id = problem(service.get("/items/7").send().await.unwrap()).await;
    assert!(no_id.is(NOT_FOUND));
    let bad_utf8 = problem(service.get("/items/%ff").send().await.unwrap()).await;
    assert!(bad_utf8.is(NOT_FOUND));
    for query in ["limit=many", "limit=1000", "offset=1"] {
        let document = problem(service.get(&format!("/items/{id}?{query}")).send().await.unwrap()).await;
        assert!(document.is(MALFORMED_REQUEST), "{query}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_gateway_may_say_where_a_client_is() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let ask = async |token: Option<String>| {
        let mut request = service.get("/address").header("x-forwarded-for", "203.0.113.7, 10.0.0.1");
        if let Some(token) = token {
            request = request.header("x-orion-service-token", token);
        }
        request.send().await.unwrap().text().await.unwrap()
    };
    assert_eq!(ask(None).await, "127.0.0.1");
    assert_eq!(ask(Some("forged".to_owned())).await, "", "whoever sent it, it is not where the client is");
    assert_eq!(ask(Some(service.env().caller_token("gateway"))).await, "203.0.113.7");
    service.stop().await;
}
