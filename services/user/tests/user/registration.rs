//! `POST /api/user/register`

use contracts::problem as kind;
use contracts::user::Profile;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::problem;

use crate::support::{PASSWORD, World, fields, newcomer};

const KEY: &str = "7f3b2a54-0d7e-4a5c-9d39-6d0f1b6d2a11";

#[tokio::test]
async fn whoever_registers_can_sign_in_and_the_platform_is_told() {
    let world = World::new().await;
    let mut told = world.user.env().vhost().queue("user.events", &["user.created"]).await;
    let mut body = newcomer("ada");
    body["email"] = "Ada@Example.com".into();
    let answer = world.register(&body).header("x-request-id", "r-1").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers()["location"], "/api/user/profile");
    assert_eq!(answer.headers()["etag"], "\"1\"");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let shown: Value = answer.json().await.unwrap();
    assert!(!shown.to_string().contains(PASSWORD) && shown.get("password").is_none(), "{shown}");
    let profile: Profile = serde_json::from_value(shown.clone()).unwrap();
    assert_eq!((profile.email.as_str(), profile.roles), ("ada@example.com", vec!["user".to_owned()]));
    assert_eq!((&shown["status"], &shown["isVerified"]), (&json!("active"), &json!(false)));

    let event = told.next().await;
    assert_eq!((&event["userId"], &event["aggregateId"]), (&shown["id"], &shown["id"]));
    assert_eq!((&event["eventType"], &event["sequence"]), (&json!("user.created"), &json!(1)));
    assert_eq!((&event["action"], &event["correlationId"]), (&json!("register"), &json!("r-1")));
    assert_eq!(event["userData"]["status"], "active");
    assert!(!event.to_string().contains(PASSWORD));

    let tokens = world.login("ada", PASSWORD).await;
    let read: Profile = world.read(&tokens.access_token).send().await.unwrap().json().await.unwrap();
    assert_eq!(read.id, profile.id);
}

#[tokio::test]
async fn a_taken_field_is_named_and_nothing_changes() {
    let world = World::new().await;
    world.person("ada").await;
    let mut same_email = newcomer("bea");
    same_email["email"] = "ADA@example.com".into();
    let refused = problem(world.register(&same_email).send().await.unwrap()).await;
    assert!(refused.is(kind::EMAIL_TAKEN) && fields(&refused) == ["email"], "{refused:?}");
    let mut same_name = newcomer("ada");
    same_name["email"] = "bea@example.com".into();
    let refused = problem(world.register(&same_name).send().await.unwrap()).await;
    assert!(refused.is(kind::USERNAME_TAKEN) && fields(&refused) == ["username"], "{refused:?}");
    assert_eq!(world.count("users").await, 1);
}

#[tokio::test]
async fn an_address_that_only_auth_knows_is_taken_too() {
    let world = World::new().await;
    let (profile, _) = world.person("ada").await;
    sqlx::query("DELETE FROM users").execute(world.user.chassis().db()).await.unwrap();
    let refused = problem(world.register(&newcomer("ada")).send().await.unwrap()).await;
    assert!(refused.is(kind::EMAIL_TAKEN), "{refused:?}");
    assert_eq!(world.count("users").await, 0);
    assert!(world.credential_exists(profile.id).await, "the other's credential is untouched");
}

#[tokio::test]
async fn of_two_at_once_one_gets_the_address() {
    let world = World::new().await;
    let body = newcomer("ada");
    let (one, other) = tokio::join!(world.register(&body).send(), world.register(&body).send());
    let mut statuses = [one.unwrap().status().as_u16(), other.unwrap().status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!((world.count("users").await, world.count("user_roles").await), (1, 1));
}

#[tokio::test]
async fn bad_input_is_told_what_is_wrong_and_changes_nothing() {
    let world = World::new().await;
    let json_type = "application/json";
    let good = newcomer("ada").to_string();
    let unknown = good.replacen('{', "{\"role\":\"admin\",", 1);
    let missing = json!({"email": "a@b.example"}).to_string();
    let many = json!({"email": "x", "username": "No Such", "password": "short", "firstName": "", "lastName": "a\u{7}"});
    let cases: Vec<(&str, Vec<u8>, &str, contracts::ProblemType)> = vec![
        ("malformed", b"{\"email\": ".to_vec(), json_type, kind::MALFORMED_BODY),
        ("empty", Vec::new(), json_type, kind::MALFORMED_BODY),
        ("an array", b"[]".to_vec(), json_type, kind::MALFORMED_BODY),
        ("bad UTF-8", b"{\"email\": \"\xff\"}".to_vec(), json_type, kind::MALFORMED_BODY),
        ("unknown field", unknown.into(), json_type, kind::MALFORMED_BODY),
        ("missing fields", missing.into(), json_type, kind::MALFORMED_BODY),
        ("another type", good.clone().into(), "text/plain", kind::UNSUPPORTED_MEDIA_TYPE),
        ("too large", vec![b' '; 2 << 20], json_type, kind::BODY_TOO_LARGE),
        ("out of bounds", many.to_string().into(), json_type, kind::VALIDATION_FAILED),
    ];
    for (what, body, content_type, expected) in cases {
        let request = world.user.post("/api/user/register").header("content-type", content_type).body(body);
        let refused = problem(request.send().await.unwrap()).await;
        assert!(refused.is(expected), "{what}: {refused:?}");
        if expected == kind::VALIDATION_FAILED {
            assert_eq!(fields(&refused), ["email", "firstName", "lastName", "password", "username"]);
        }
    }
    assert_eq!((world.count("users").await, world.count("outbox").await), (0, 0));
}

#[tokio::test]
async fn a_repeated_call_gets_the_same_answer_and_registers_nobody_again() {
    let world = World::new().await;
    let body = newcomer("ada");
    let call = || world.register(&body).header("idempotency-key", KEY).send();
    let first = call().await.unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    let first: Value = first.json().await.unwrap();
    let again = call().await.unwrap();
    assert_eq!(
        (again.status(), &again.headers()["idempotency-replayed"]),
        (StatusCode::CREATED, &"true".parse().unwrap())
    );
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    assert_eq!(world.count("users").await, 1);

    let mut other = newcomer("ada");
    other["password"] = "another password".into();
    let refused = problem(world.register(&other).header("idempotency-key", KEY).send().await.unwrap()).await;
    assert!(refused.is(kind::IDEMPOTENCY_KEY_REUSED), "{refused:?}");
    let kept: String = sqlx::query_scalar("SELECT row_to_json(k)::text FROM idempotency_keys k")
        .fetch_one(world.user.chassis().db())
        .await
        .unwrap();
    assert!(!kept.contains(PASSWORD) && !kept.contains(KEY), "{kept}");
}

#[tokio::test]
async fn many_repeats_at_once_register_one_person() {
    let world = World::new().await;
    let body = newcomer("ada");
    let calls = (0..5).map(|_| world.register(&body).header("idempotency-key", KEY).send());
    let answers = futures::future::join_all(calls).await;
    for answer in answers.into_iter().map(Result::unwrap) {
        let status = answer.status();
        if status != StatusCode::CREATED {
            assert!(problem(answer).await.is(kind::REQUEST_IN_PROGRESS), "{status}");
        }
    }
    assert_eq!(world.count("users").await, 1);
    let last = world.register(&body).header("idempotency-key", KEY).send().await.unwrap();
    assert_eq!(last.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_key_that_could_be_guessed_is_refused() {
    let world = World::new().await;
    for key in ["1", "has spaces in the middle of it"] {
        let refused = world.register(&newcomer("ada")).header("idempotency-key", key).send().await.unwrap();
        assert!(problem(refused).await.is(kind::MALFORMED_REQUEST), "{key}");
    }
    assert_eq!(world.count("users").await, 0);
}
