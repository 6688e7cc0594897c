//! Both users have the same keys.

use fred::prelude::KeysInterface;
use storekeeper::document::{Document, RedisAccount};

use super::super::support::{Place, ask, document_of, redis};
use super::turn;

fn with_redis(place: &Place, own: bool) -> Document {
    document_of("shop/orion", |document| {
        let mut work = place.redis();
        work.server.own = own;
        work.accounts = vec![RedisAccount {
            user: place.name("auth"),
            password_file: place.file("password", "one"),
            second: place.second(place.name("auth-2")),
            read: vec![format!("revoked-{}:*", place.id)],
            write: vec![format!("auth-{}:*", place.id)],
            channels: Vec::new(),
        }];
        document.redis = Some(work);
    })
}

#[tokio::test]
async fn either_redis_user_reaches_the_same_keys_and_the_one_without_a_password_is_cut_off() {
    let place = Place::new().await;
    let (one, two, id) = (place.name("auth"), place.name("auth-2"), &place.id);
    for own in [true, false] {
        let document = with_redis(&place, own);
        turn(&place, &document, Some("one"), None).await;
        redis(&place, &two, "two").await.unwrap_err();
        turn(&place, &document, Some("one"), Some("two")).await;
        let (first, second) =
            (redis(&place, &one, "one").await.unwrap(), redis(&place, &two, "two").await.unwrap());
        ask(&first, &format!("SET auth-{id}:a kept")).await.unwrap();
        for user in [&first, &second] {
            let kept: String = user.get(format!("auth-{id}:a")).await.unwrap();
            assert_eq!(kept, "kept");
            ask(user, &format!("GET revoked-{id}:x")).await.unwrap();
            for beyond in [format!("SET revoked-{id}:x 1"), format!("GET user-{id}:a"), "ACL LIST".to_owned()]
            {
                ask(user, &beyond).await.expect_err(&beyond);
            }
        }
        turn(&place, &document, None, Some("two")).await;
        redis(&place, &one, "one").await.unwrap_err();
        ask(&second, &format!("SET auth-{id}:a kept")).await.unwrap();
        drop(first);
        let admin = redis(&place, place.redis.username, &place.redis.password).await.unwrap();
        let listed = ask(&admin, "CLIENT LIST").await.unwrap().convert::<String>().unwrap();
        assert!(
            listed.contains(&format!("user={two} ")) && !listed.contains(&format!("user={one} ")),
            "{listed}"
        );
        turn(&place, &document, Some("three"), Some("two")).await;
        redis(&place, &one, "one").await.unwrap_err();
        turn(&place, &document, Some("three"), None).await;
        redis(&place, &two, "two").await.unwrap_err();
        redis(&place, &one, "three").await.unwrap();
    }
}
