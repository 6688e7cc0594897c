//! `GET` and `PATCH /api/user/profile`

use contracts::problem as kind;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::problem;
use user::domain::person::USER;

use crate::support::{World, fields};

#[tokio::test]
async fn a_profile_is_read_by_whoever_it_is_of() {
    let world = World::new().await;
    let (ada, token) = world.person("ada").await;
    world.person("bea").await;
    let answer = world.read(&token).send().await.unwrap();
    assert_eq!((answer.status(), &answer.headers()["etag"]), (StatusCode::OK, &"\"1\"".parse().unwrap()));
    let shown: Value = answer.json().await.unwrap();
    assert_eq!(shown["id"], ada.id.to_string());
    assert_eq!((&shown["firstName"], &shown["roles"]), (&json!("Ada"), &json!([USER])));
    let known = world.read(&token).header("if-none-match", "\"1\"").send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let other = world.read(&token).header("if-none-match", "\"2\"").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_a_valid_token_nobody_is_shown() {
    let world = World::new().await;
    let none = problem(world.user.get("/api/user/profile").send().await.unwrap()).await;
    assert!(none.is(kind::UNAUTHENTICATED), "{none:?}");
    let bad = world.read("a.b.c").send().await.unwrap();
    assert!(bad.headers()["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert!(problem(bad).await.is(kind::INVALID_TOKEN));
}

#[tokio::test]
async fn the_person_of_a_token_may_be_unknown_pending_suspended_or_deleted() {
    let world = World::new().await;
    let (ada, token) = world.person("ada").await;
    for (status, expected) in
        [("suspended", kind::ACCOUNT_DISABLED), ("deleted", kind::NOT_FOUND), ("active", kind::NOT_FOUND)]
    {
        let db = world.user.chassis().db();
        sqlx::query("UPDATE users SET status = $2 WHERE id = $1")
            .bind(ada.id)
            .bind(status)
            .execute(db)
            .await
            .unwrap();
        if status == "active" {
            sqlx::query("DELETE FROM users").execute(db).await.unwrap();
        }
        assert!(problem(world.read(&token).send().await.unwrap()).await.is(expected), "{status}");
        let patched = world.patch(&token, &json!({"firstName": "Eve"})).send().await.unwrap();
        assert!(problem(patched).await.is(expected), "{status}");
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_tells_the_platform() {
    let world = World::new().await;
    let (ada, token) = world.person("ada").await;
    let mut told = world.user.env().vhost().queue("user.events", &["user.updated"]).await;
    let answer = world.patch(&token, &json!({"lastName": "King"})).send().await.unwrap();
    assert_eq!((answer.status(), &answer.headers()["etag"]), (StatusCode::OK, &"\"2\"".parse().unwrap()));
    let shown: Value = answer.json().await.unwrap();
    assert_eq!((&shown["firstName"], &shown["lastName"]), (&json!("Ada"), &json!("King")));
    let read: Value = world.read(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!(read, shown, "what was answered is what is kept");
    let event = told.next().await;
    assert_eq!((&event["userId"], &event["sequence"]), (&json!(ada.id), &json!(2)));
    assert_eq!(event["changed"], json!(["lastName"]));
    assert_eq!(event["userData"]["lastName"], "King");
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_no_change() {
    let world = World::new().await;
    let (_, token) = world.person("ada").await;
    for body in [json!({}), json!({"firstName": "Ada"})] {
        let answer = world.patch(&token, &body).send().await.unwrap();
        assert_eq!((answer.status(), &answer.headers()["etag"]), (StatusCode::OK, &"\"1\"".parse().unwrap()));
    }
}

#[tokio::test]
async fn a_bad_patch_is_told_what_is_wrong_and_changes_nothing() {
    let world = World::new().await;
    let (_, token) = world.person("ada").await;
    world.person("bea").await;
    for (body, expected, named) in [
        (json!({"firstName": null}), kind::VALIDATION_FAILED, vec!["firstName"]),
        (
            json!({"lastName": "\u{202e}", "firstName": ""}),
            kind::VALIDATION_FAILED,
            vec!["firstName", "lastName"],
        ),
        // Auth's copy of it would stay as it was.
        (json!({"username": "ada.k"}), kind::MALFORMED_BODY, vec!["username"]),
        (json!({"email": "eve@example.com"}), kind::MALFORMED_BODY, vec!["email"]),
        (json!({"status": "active"}), kind::MALFORMED_BODY, vec!["status"]),
        (json!({"roles": ["admin"]}), kind::MALFORMED_BODY, vec!["roles"]),
        (json!(["Eve", "Eve", "eve"]), kind::MALFORMED_BODY, vec![]),
    ] {
        let refused = problem(world.patch(&token, &body).send().await.unwrap()).await;
        assert!(refused.is(expected), "{body}: {refused:?}");
        if expected != kind::MALFORMED_BODY {
            assert_eq!(fields(&refused), named, "{body}");
        }
    }
    let wrong_type = world.user.request(Method::PATCH, "/api/user/profile").bearer_auth(&token).body("{}");
    assert!(problem(wrong_type.send().await.unwrap()).await.is(kind::UNSUPPORTED_MEDIA_TYPE));
    let merge = world.patch(&token, &json!({})).header("content-type", "application/merge-patch+json");
    assert_eq!(merge.send().await.unwrap().headers()["etag"], "\"1\"");
}

#[tokio::test]
async fn of_two_editors_of_one_version_one_wins() {
    let world = World::new().await;
    let (_, token) = world.person("ada").await;
    let edit =
        |name: &str| world.patch(&token, &json!({"firstName": name})).header("if-match", "\"1\"").send();
    let (one, other) = tokio::join!(edit("One"), edit("Other"));
    let mut statuses = [one.unwrap().status().as_u16(), other.unwrap().status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let stale = world.patch(&token, &json!({})).header("if-match", "\"1\"").send().await.unwrap();
    assert!(problem(stale).await.is(kind::PRECONDITION_FAILED));
    let any = world.patch(&token, &json!({"firstName": "Any"})).header("if-match", "*").send().await.unwrap();
    assert_eq!(any.headers()["etag"], "\"3\"");
    let bad = world.patch(&token, &json!({})).header("if-match", "3").send().await.unwrap();
    assert!(problem(bad).await.is(kind::MALFORMED_REQUEST));
}
