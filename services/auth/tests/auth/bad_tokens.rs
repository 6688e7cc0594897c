//! Access tokens that are not, or no longer, what they should be: 401 each, and nothing changes.

use crate::stage::{Stage, refused};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::problem::{INVALID_TOKEN, TOKEN_REVOKED, UNAUTHENTICATED};
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let stage = Stage::new().await;
    let session = stage.login(&stage.person().await).await;
    stage.pass(SignedDuration::from_mins(14));
    stage.me(&session.access_token).await;
    stage.pass(SignedDuration::from_mins(2));
    let document = refused(stage.try_me(&session.access_token).await, INVALID_TOKEN).await;
    assert!(document.detail.unwrap().contains("expired"));
    refused(stage.try_logout(&session.access_token, true).await, INVALID_TOKEN).await;
}

#[tokio::test]
async fn a_good_token_of_somebody_who_does_not_exist_is_refused() {
    let stage = Stage::new().await;
    let token = stage.forge(|_, _| {}).await;
    refused(stage.try_me(&token).await, TOKEN_REVOKED).await;
}

#[tokio::test]
async fn tokens_signed_with_our_key_but_made_for_something_else_are_refused() {
    let stage = Stage::new().await;
    let session = stage.login(&stage.person().await).await;
    let before = stage.everything().await;
    let now = stage.clock.now().as_second();
    type Change = Box<dyn Fn(&mut Header, &mut Value)>;
    let changes: Vec<(&str, Change)> = vec![
        ("another issuer", Box::new(|_, claims| claims["iss"] = json!("urn:orion:other:platform"))),
        ("no issuer", Box::new(|_, claims| drop(claims.as_object_mut().unwrap().remove("iss")))),
        ("another audience", Box::new(|_, claims| claims["aud"] = json!("somebody else"))),
        ("expired", Box::new(move |_, claims| claims["exp"] = json!(now - 60))),
        ("no end", Box::new(|_, claims| drop(claims.as_object_mut().unwrap().remove("exp")))),
        ("not valid yet", Box::new(move |_, claims| claims["nbf"] = json!(now + 60))),
        ("an id token", Box::new(|header, _| header.typ = Some("JWT".to_owned()))),
        ("no type", Box::new(|header, _| header.typ = None)),
        ("another key's name", Box::new(|header, _| header.kid = Some("other".to_owned()))),
        ("no key's name", Box::new(|header, _| header.kid = None)),
        (
            "a path for a key's name",
            Box::new(|header, _| header.kid = Some("../../../../dev/null".to_owned())),
        ),
        ("a subject that is no id", Box::new(|_, claims| claims["sub"] = json!("' OR 1=1 --"))),
    ];
    for (what, change) in changes {
        let token = stage.forge(|header, claims| change(header, claims)).await;
        let document = refused(stage.try_logout(&token, true).await, INVALID_TOKEN).await;
        assert!(document.detail.is_some(), "{what}");
    }
    assert_eq!(stage.everything().await, before);
    stage.me(&session.access_token).await;
}

#[tokio::test]
async fn tokens_that_we_did_not_sign_are_refused() {
    let stage = Stage::new().await;
    let session = stage.login(&stage.person().await).await;
    let before = stage.everything().await;
    let good: Vec<&str> = session.access_token.split('.').collect();
    let (header, claims, signature) = (good[0], good[1], good[2]);
    let kid = stage.keyring().await.kid;
    let admin = {
        let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        claims["roles"] = json!(["admin"]);
        claims
    };
    // The public key taken for a shared secret, the classic confusion.
    let public = stage.jwks().await["keys"][0]["x"].as_str().unwrap().to_owned();
    let confused = {
        let mut header = Header::new(Algorithm::HS256);
        (header.typ, header.kid) = (Some("at+jwt".to_owned()), Some(kid.clone()));
        let secret = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(&public).unwrap());
        jsonwebtoken::encode(&header, &admin, &secret).unwrap()
    };
    let unsigned = |alg: &str| {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
        format!("{}.{}.", part(&header), part(&admin))
    };
    let own_key = {
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid, "jwk": { "kty": "OKP", "crv": "Ed25519", "x": public } });
        format!("{}.{claims}.{signature}", part(&header))
    };
    let tokens = [
        confused,
        unsigned("none"),
        unsigned("None"),
        unsigned("EdDSA"),
        own_key,
        format!("{header}.{}.{signature}", part(&admin)),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{header}.{claims}.{signature}.{signature}"),
        "not.a.token".to_owned(),
        "x".repeat(20_000),
    ];
    for token in &tokens {
        refused(stage.try_me(token).await, INVALID_TOKEN).await;
        refused(stage.try_logout(token, true).await, INVALID_TOKEN).await;
    }
    for (authorization, kind) in
        [("Basic YTpi", INVALID_TOKEN), ("Bearer", INVALID_TOKEN), ("", INVALID_TOKEN)]
    {
        let request =
            stage.client.get(stage.service.url("/api/auth/me")).header("authorization", authorization);
        refused(request.send().await.unwrap(), kind).await;
    }
    let none = stage.client.get(stage.service.url("/api/auth/me"));
    refused(none.send().await.unwrap(), UNAUTHENTICATED).await;
    assert_eq!(stage.everything().await, before);
}
