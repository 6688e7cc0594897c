//! Redis: a user reaches its own keys and channels, and no others.

use fred::prelude::KeysInterface;
use storekeeper::document::{Document, RedisAccount};

use super::support::{Place, ask, redis, run};

fn account(place: &Place) -> RedisAccount {
    RedisAccount {
        user: place.name("auth"),
        password_file: place.file("auth-password", "secret"),
        second: None,
        read: vec![format!("revoked-{}:*", place.id)],
        write: vec![format!("auth-{}:*", place.id)],
        channels: vec![format!("auth-{}:*", place.id)],
    }
}

#[tokio::test]
async fn a_user_reaches_its_own_keys_and_channels_and_no_others() {
    let place = Place::new().await;
    let mut work = place.redis();
    work.accounts = vec![account(&place)];
    let user = work.accounts[0].user.clone();
    run(&Document { redis: Some(work), ..Document::default() }).await.unwrap();

    let id = &place.id;
    let own = redis(&place, &user, "secret").await.unwrap();
    let allowed = [
        "PING".to_owned(),
        format!("SET auth-{id}:a 1 EX 60"),
        format!("MGET auth-{id}:a revoked-{id}:epoch"),
        format!("EVAL return(redis.call('get',KEYS[1])) 1 auth-{id}:a"),
        format!("HSET auth-{id}:h field value"),
        format!("ZADD auth-{id}:z 1 member"),
        format!("PUBLISH auth-{id}:news hello"),
    ];
    for command in &allowed {
        ask(&own, command).await.unwrap_or_else(|error| panic!("{command}: {error}"));
    }
    let refused = [
        format!("SET revoked-{id}:epoch 1"),
        format!("GET user-{id}:a"),
        format!("EVAL return(redis.call('get','user-{id}:a')) 0"),
        format!("MGET auth-{id}:a user-{id}:a"),
        format!("PUBLISH user-{id}:news hello"),
        "KEYS *".to_owned(),
        "SCAN 0".to_owned(),
        "FLUSHALL".to_owned(),
        "CONFIG GET *".to_owned(),
        "ACL LIST".to_owned(),
        "FUNCTION LIST".to_owned(),
        "SCRIPT FLUSH".to_owned(),
        "CLIENT LIST".to_owned(),
        "SHUTDOWN".to_owned(),
    ];
    for command in &refused {
        let error = ask(&own, command).await.expect_err(command).to_string();
        assert!(error.contains("NOPERM") || error.contains("No permissions"), "{command}: {error}");
    }
}

#[tokio::test]
async fn a_second_run_takes_up_a_new_password_and_keeps_the_keys() {
    let place = Place::new().await;
    let mut work = place.redis();
    work.accounts = vec![account(&place)];
    let user = work.accounts[0].user.clone();
    let document = Document { redis: Some(work), ..Document::default() };
    run(&document).await.unwrap();
    let before = redis(&place, &user, "secret").await.unwrap();
    ask(&before, &format!("SET auth-{}:a kept", place.id)).await.unwrap();

    place.file("auth-password", "new");
    run(&document).await.unwrap();

    redis(&place, &user, "secret").await.unwrap_err();
    let after = redis(&place, &user, "new").await.unwrap();
    let kept: String = after.get(format!("auth-{}:a", place.id)).await.unwrap();
    assert_eq!(kept, "kept");
}
