//! Signing keys: one signs, the next is known before it does, the last is known until its tokens are gone.

use crate::stage::{MASTER_KEY, Stage, env, refused, replica, until};
use chassis::Clock;
use contracts::problem;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

fn kids(jwks: &Value) -> Vec<String> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid_of(access_token: &str) -> String {
    jsonwebtoken::decode_header(access_token).unwrap().kid.unwrap()
}

#[tokio::test]
async fn the_published_set_has_public_parts_only_and_says_how_long_it_is_good() {
    let stage = Stage::new().await;
    let answer = stage.client.get(stage.service.url("/.well-known/jwks.json")).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
    let jwks: Value = answer.json().await.unwrap();
    let key = jwks["keys"][0].as_object().unwrap();
    let mut members: Vec<&str> = key.keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!((&key["alg"], &key["crv"]), (&"EdDSA".into(), &"Ed25519".into()));
}

#[tokio::test]
async fn two_replicas_that_start_at_once_make_one_active_key() {
    let env = env().await;
    let clock = Clock::manual(Timestamp::now());
    let (one, two) = futures::join!(replica(&env, &clock), replica(&env, &clock));
    let (one, two) = (one.unwrap(), two.unwrap());
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT status FROM signing_keys").fetch_all(one.chassis().db()).await.unwrap();
    assert_eq!(keys, ["active"]);
    let jwks = async |replica: &chassis::Running| {
        let url = format!("http://{}/.well-known/jwks.json", replica.address());
        testkit::client().get(url).send().await.unwrap().json::<Value>().await.unwrap()
    };
    assert_eq!(jwks(&one).await, jwks(&two).await);
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn the_next_key_is_published_before_it_signs_and_old_tokens_verify_until_they_end() {
    let env = env()
        .await
        .set("ORION_SIGNING_KEY_LIFETIME", "30d")
        .set("ORION_SIGNING_KEY_PUBLISH_AHEAD", "10m")
        .set("ORION_REFRESH_TOKEN_TTL", "60d");
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    let first = kids(&stage.jwks().await);
    assert_eq!(first.len(), 1);

    stage.pass(SignedDuration::from_hours(30 * 24) - SignedDuration::from_mins(10));
    until("the next key is published", || async { kids(&stage.jwks().await).len() == 2 }).await;
    let before = stage.login(&person).await;
    assert_eq!(kid_of(&before.access_token), first[0], "the old one still signs");

    stage.pass(SignedDuration::from_mins(10));
    let after = testkit::eventually("the next key signs", || async {
        let login = stage.login(&person).await;
        (kid_of(&login.access_token) != first[0]).then_some(login)
    })
    .await;
    stage.me(&before.access_token).await;
    stage.me(&after.access_token).await;
    assert_eq!(kids(&stage.jwks().await).len(), 2);

    stage.pass(SignedDuration::from_mins(75));
    until("the old key is gone", || async { !kids(&stage.jwks().await).contains(&first[0]) }).await;
    refused(stage.try_me(&before.access_token).await, problem::INVALID_TOKEN).await;
}

#[tokio::test]
async fn private_keys_are_sealed_and_another_sealing_key_is_a_clear_error_at_the_start() {
    let stage = Stage::new().await;
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT private_key FROM signing_keys").fetch_one(stage.db()).await.unwrap();
    // Every PKCS #8 Ed25519 key has this in it: the algorithm's identifier.
    assert!(!sealed.windows(3).any(|bytes| bytes == [0x2b, 0x65, 0x70]));
    let clock = stage.clock.clone();
    let env = stage.service.stop().await.set("ORION_KEY_ENCRYPTION_KEY", MASTER_KEY.replace("dGVz", "b3Ro"));
    let error = replica(&env, &clock).await.err().unwrap();
    assert!(error.to_string().contains("ORION_KEY_ENCRYPTION_KEY"), "{error}");
    let env = env.set("ORION_KEY_ENCRYPTION_KEY", MASTER_KEY);
    replica(&env, &clock).await.unwrap().stop().await;
}
