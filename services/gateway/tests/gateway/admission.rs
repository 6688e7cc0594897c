//! Who is let in: tokens, and whether they were revoked.

use contracts::{AccessClaims, ProblemType, problem as kind};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::StatusCode;
use testkit::{People, TestService, eventually, problem};

use crate::raw::recorder;
use crate::support::{epoch, over, over_with, set, token, unset};

const PROFILE: &str = "/api/user/profile";

async fn status(gateway: &TestService, token: &str) -> StatusCode {
    gateway.get(PROFILE).bearer_auth(token).send().await.unwrap().status()
}

async fn refused(gateway: &TestService, token: &str, kind: ProblemType) {
    let answer = gateway.get(PROFILE).bearer_auth(token).send().await.unwrap();
    let challenge = answer.headers().get("www-authenticate").map(|v| v.to_str().unwrap().to_owned());
    let document = problem(answer).await;
    assert!(document.is(kind), "{document:?}");
    if kind.status == 401 {
        assert!(challenge.is_some_and(|c| c.starts_with("Bearer") && c.contains("error=\"invalid_token\"")));
    }
}

#[tokio::test]
async fn a_good_token_passes_and_what_is_no_good_token_does_not() {
    let (serve, mut heads) = recorder();
    let gateway = over(serve).await;
    let people = gateway.env().people().clone();
    let stranger = People::new("urn:orion:test:orion");
    let claims = people.claims();
    let header = |change: fn(&mut Header)| {
        let mut header = people.header();
        change(&mut header);
        people.sign(&header, &claims)
    };
    let hmac = |secret: &[u8]| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(people.kid());
        header.typ = Some("at+jwt".to_owned());
        encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let public = serde_json::to_vec(&people.jwks()).unwrap();
    let altered = |change: fn(&mut AccessClaims)| people.token(change);
    let good = people.token(|_| {});
    let cut: Vec<&str> = good.split('.').collect();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.", cut[1]);
    for (what, token) in [
        ("expired", altered(|c| c.exp = c.iat - 60)),
        ("not valid yet", altered(|c| c.nbf = c.iat + 600)),
        ("of another issuer", altered(|c| c.iss = "urn:orion:test:other".to_owned())),
        ("for somebody else", altered(|c| c.aud = "other".to_owned())),
        ("of another type", header(|h| h.typ = Some("JWT".to_owned()))),
        ("of no type", header(|h| h.typ = None)),
        ("by an unknown key", header(|h| h.kid = Some("unknown".to_owned()))),
        ("by no key", header(|h| h.kid = None)),
        ("by somebody else under a known name", {
            let mut header = stranger.header();
            header.kid = Some(people.kid());
            stranger.sign(&header, &claims)
        }),
        ("by somebody else", stranger.token(|_| {})),
        ("signed with a public key as a secret", hmac(&public)),
        ("unsigned", none),
        ("with its signature cut off", format!("{}.{}.", cut[0], cut[1])),
        (
            "with another's claims",
            format!("{}.{}.{}", cut[0], people.token(|_| {}).split('.').nth(1).unwrap(), cut[2]),
        ),
        ("no token", "rubbish".to_owned()),
        ("empty", String::new()),
    ] {
        let answer = gateway.get(PROFILE).bearer_auth(&token).send().await.unwrap();
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{what}");
        let document = problem(answer).await;
        assert!(document.is(kind::INVALID_TOKEN), "{what}: {document:?}");
    }
    let answer = gateway.get(PROFILE).send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer", "without a token there is no error to name");
    assert!(problem(answer).await.is(kind::UNAUTHENTICATED));
    let basic = gateway.get(PROFILE).basic_auth("ada", Some("x")).send().await.unwrap();
    assert_eq!(basic.status(), StatusCode::UNAUTHORIZED);
    let twice =
        gateway.get(PROFILE).bearer_auth(&good).header("authorization", "Bearer x").send().await.unwrap();
    assert_eq!(twice.status(), StatusCode::UNAUTHORIZED);
    assert!(heads.try_recv().is_err(), "none of them reached the service");
    assert_eq!(status(&gateway, &good).await, StatusCode::NO_CONTENT);
    assert!(heads.recv().await.unwrap().contains(&format!("authorization: Bearer {good}")));
}

#[tokio::test]
async fn a_public_route_asks_for_no_token_and_passes_one_on_as_it_is() {
    let (serve, mut heads) = recorder();
    let gateway = over(serve).await;
    let answer = gateway.get("/api/user/register").bearer_auth("whatever").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert!(heads.recv().await.unwrap().contains("authorization: Bearer whatever"));
}

#[tokio::test]
async fn a_revoked_token_session_or_person_is_refused() {
    let (serve, _heads) = recorder();
    let gateway = over(serve).await;
    let people = gateway.env().people().clone();
    let claims = people.claims();
    let token = people.sign(&people.header(), &claims);
    for key in [
        format!("revoked:jti:{}", claims.jti),
        format!("revoked:sid:{}", claims.sid),
        format!("revoked:sub:{}", claims.sub),
    ] {
        assert_eq!(status(&gateway, &token).await, StatusCode::NO_CONTENT);
        set(&gateway, &key, &claims.iat.to_string()).await;
        refused(&gateway, &token, kind::TOKEN_REVOKED).await;
        // What was issued later is not meant.
        set(&gateway, &key, &(claims.iat - 1).to_string()).await;
        assert_eq!(status(&gateway, &token).await, StatusCode::NO_CONTENT);
        set(&gateway, &key, "rubbish").await;
        refused(&gateway, &token, kind::TOKEN_REVOKED).await;
        unset(&gateway, &key).await;
    }
}

#[tokio::test]
async fn an_emptied_redis_lets_nobody_in_until_auth_has_filled_it() {
    let (serve, _heads) = recorder();
    let gateway = over(serve).await;
    let token = token(&gateway);
    unset(&gateway, "revoked:epoch").await;
    let answer = gateway.get(PROFILE).bearer_auth(&token).send().await.unwrap();
    assert!(answer.headers().contains_key("retry-after"));
    assert!(problem(answer).await.is(kind::UNAVAILABLE));
    let public = gateway.get("/api/user/register").send().await.unwrap();
    assert_eq!(public.status(), StatusCode::NO_CONTENT, "what needs no token is not concerned");
    epoch(&gateway).await;
    assert_eq!(status(&gateway, &token).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn without_redis_it_refuses_or_allows_as_it_was_told() {
    for (policy, expected) in [("refuse", StatusCode::SERVICE_UNAVAILABLE), ("allow", StatusCode::NO_CONTENT)]
    {
        let (serve, _heads) = recorder();
        let user = crate::raw::service(serve).await;
        let env = crate::support::env(user).await.set("ORION_REVOCATION_UNAVAILABLE", policy);
        let (env, line) = env.through_proxy("ORION_REDIS_URL").await;
        let gateway = testkit::spawn::<gateway::Gateway>(env).await;
        epoch(&gateway).await;
        let (good, expired) = (token(&gateway), gateway.env().people().token(|c| c.exp = c.iat - 60));
        assert_eq!(status(&gateway, &good).await, StatusCode::NO_CONTENT);
        line.cut();
        eventually("it is noticed", || async { (status(&gateway, &good).await == expected).then_some(()) })
            .await;
        refused(&gateway, &expired, kind::INVALID_TOKEN).await;
        eventually("the whole is down", || async {
            let health = gateway.get("/health").send().await.unwrap();
            (health.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        })
        .await;
        line.restore();
        eventually("it recovers", || async {
            (status(&gateway, &good).await == StatusCode::NO_CONTENT).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn allow_lets_a_token_pass_without_an_epoch_but_never_one_known_to_be_revoked() {
    let (serve, _heads) = recorder();
    let gateway = over_with(serve, |env| env.set("ORION_REVOCATION_UNAVAILABLE", "allow")).await;
    unset(&gateway, "revoked:epoch").await;
    let people = gateway.env().people().clone();
    let claims = people.claims();
    let token = people.sign(&people.header(), &claims);
    assert_eq!(status(&gateway, &token).await, StatusCode::NO_CONTENT);
    set(&gateway, &format!("revoked:sid:{}", claims.sid), &claims.iat.to_string()).await;
    refused(&gateway, &token, kind::TOKEN_REVOKED).await;
}
