//! Requests that cannot be read or make no sense: a problem document each, and nothing changes.

use crate::stage::{Stage, credential_body, refused};
use contracts::problem::{
    BODY_TOO_LARGE, INVALID_REFRESH_TOKEN, MALFORMED_BODY, METHOD_NOT_ALLOWED, NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE, VALIDATION_FAILED,
};
use contracts::{ProblemType, SERVICE_TOKEN_HEADER, new_id};
use serde_json::json;

const JSON: &str = "application/json";

/// Content type, body, and what it is answered.
fn bad_bodies(good: &str) -> Vec<(&'static str, Vec<u8>, ProblemType)> {
    let with = |extra: &str| good.replacen('{', &format!("{{{extra},"), 1).into_bytes();
    vec![
        (JSON, b"".to_vec(), MALFORMED_BODY),
        (JSON, b"{".to_vec(), MALFORMED_BODY),
        (JSON, b"null".to_vec(), MALFORMED_BODY),
        (JSON, b"[]".to_vec(), MALFORMED_BODY),
        (JSON, b"{}".to_vec(), MALFORMED_BODY),
        (JSON, format!("{good} {good}").into_bytes(), MALFORMED_BODY),
        (JSON, with("\"unknown\": 1"), MALFORMED_BODY),
        (JSON, [b"{\"email\": \"\xff\xfe\"}".as_slice(), good.as_bytes()].concat(), MALFORMED_BODY),
        (JSON, good.replacen(": \"", ": \"\\u0000", 1).into_bytes(), MALFORMED_BODY),
        (JSON, good.replacen(": \"", ": [\"", 1).into_bytes(), MALFORMED_BODY),
        (JSON, format!("{}{good}", " ".repeat(2 << 20)).into_bytes(), BODY_TOO_LARGE),
        ("text/plain", good.as_bytes().to_vec(), UNSUPPORTED_MEDIA_TYPE),
        ("application/x-www-form-urlencoded", b"email=a&password=b".to_vec(), UNSUPPORTED_MEDIA_TYPE),
        ("application/json; charset=utf-16", good.as_bytes().to_vec(), UNSUPPORTED_MEDIA_TYPE),
    ]
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_everywhere_and_change_nothing() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let before = stage.everything().await;
    let put = stage.service.url(&format!("/internal/credentials/{}", new_id()));
    let targets = [
        (stage.post("/api/auth/login"), format!(r#"{{"email": "{}", "password": "secret"}}"#, person.email)),
        (stage.post("/api/auth/refresh"), r#"{"refresh_token": "ort_x"}"#.to_owned()),
        (
            stage.client.put(put).header(SERVICE_TOKEN_HEADER, &stage.user_token),
            r#"{"email": "a@example.org", "password": "long enough", "username": "ada", "roles": []}"#
                .to_owned(),
        ),
    ];
    for (target, good) in &targets {
        for (content_type, body, kind) in bad_bodies(good) {
            let request = target.try_clone().unwrap().header("content-type", content_type).body(body);
            refused(request.send().await.unwrap(), kind).await;
        }
        let bare = target.try_clone().unwrap().body(good.clone());
        refused(bare.send().await.unwrap(), UNSUPPORTED_MEDIA_TYPE).await;
    }
    assert_eq!(stage.everything().await, before);
}

#[tokio::test]
async fn fields_out_of_bounds_are_named_and_change_nothing() {
    let stage = Stage::new().await;
    let before = stage.everything().await;
    let long = "x".repeat(1025);
    let logins = [
        (json!({ "email": "a@example.org", "password": "" }), "password"),
        (json!({ "email": "a@example.org", "password": long }), "password"),
        (json!({ "email": "", "password": "secret" }), "email"),
        (json!({ "email": format!("{}@example.org", "x".repeat(300)), "password": "secret" }), "email"),
    ];
    for (body, field) in logins {
        let answer = stage.post("/api/auth/login").json(&body).send().await.unwrap();
        let document = refused(answer, VALIDATION_FAILED).await;
        assert_eq!(document.errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    let mut body = credential_body("no address");
    body["password"] = json!("short");
    body["roles"] = json!(["Not A Role"]);
    let document = refused(stage.credential(new_id(), &body).send().await.unwrap(), VALIDATION_FAILED).await;
    let mut fields: Vec<_> = document.errors.iter().map(|e| e.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["email", "password", "roles"]);
    assert_eq!(stage.everything().await, before);
}

#[tokio::test]
async fn refresh_tokens_that_never_were_change_nothing() {
    let stage = Stage::new().await;
    let session = stage.login(&stage.person().await).await;
    let before = stage.everything().await;
    let mut almost = session.refresh_token.clone();
    almost.replace_range(4..8, "AAAA");
    for token in ["ort_", "null", &session.access_token, &almost, "ort_\u{1F511}", &"ort_A".repeat(200)] {
        refused(stage.try_refresh(token).await, INVALID_REFRESH_TOKEN).await;
    }
    assert_eq!(stage.everything().await, before);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_document_too() {
    let stage = Stage::new().await;
    refused(stage.post("/api/auth/nothing").send().await.unwrap(), NOT_FOUND).await;
    let get = stage.client.get(stage.service.url("/api/auth/login"));
    refused(get.send().await.unwrap(), METHOD_NOT_ALLOWED).await;
    let no_id = stage.client.get(stage.service.url("/internal/credentials/42"));
    let no_id = no_id.header(SERVICE_TOKEN_HEADER, &stage.user_token);
    refused(no_id.send().await.unwrap(), NOT_FOUND).await;
}
