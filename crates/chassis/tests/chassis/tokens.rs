//! Only a token that is right in every respect counts; everything else is refused, each for its reason.

use contracts::problem::*;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use testkit::{Env, People, TestService, problem, spawn};

use crate::sample::Sample;

async fn refused(service: &TestService, token: &str) -> ProblemDocument {
    problem(service.get("/me").bearer_auth(token).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_a_good_token_is_let_in_and_others_are_not() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let people = service.env().people().clone();
    testkit::eventually("the keys are read", || async {
        let answer = service.get("/me").bearer_auth(people.token(|_| {})).send().await.unwrap();
        answer.status().is_success().then_some(())
    })
    .await;

    let answer = service.get("/me").send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    assert!(problem(answer).await.is(UNAUTHENTICATED));
    assert_eq!(service.get("/maybe").send().await.unwrap().text().await.unwrap(), "nobody");
    for header in ["Basic YTpi", "Bearer", "Bearer ", "Bearer a.b", "Bearer a.b.c"] {
        let answer = service.get("/maybe").header("authorization", header).send().await.unwrap();
        assert!(problem(answer).await.is(INVALID_TOKEN), "{header}");
    }

    for (what, token) in [
        ("expired", people.token(|claims| claims.exp = claims.iat - 6)),
        ("not yet valid", people.token(|claims| claims.nbf += 600)),
        ("another issuer", people.token(|claims| claims.iss = "urn:orion:test:other".into())),
        ("for somebody else", people.token(|claims| claims.aud = "other".into())),
        ("an unknown key", People::new("urn:orion:test:orion").token(|_| {})),
        ("too long", people.token(|claims| claims.email = "a".repeat(9000))),
    ] {
        assert!(refused(&service, &token).await.is(INVALID_TOKEN), "{what}");
    }
    let leeway = people.token(|claims| claims.exp = claims.iat - 1);
    assert_eq!(service.get("/me").bearer_auth(leeway).send().await.unwrap().status(), 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_cannot_choose_how_it_is_verified() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let people = service.env().people().clone();
    let (claims, good) = (people.claims(), people.header());
    let public = serde_json::to_value(people.jwks()).unwrap()["keys"][0]["x"].as_str().unwrap().to_owned();

    let mut hs256 = Header::new(Algorithm::HS256);
    (hs256.typ, hs256.kid) = (good.typ.clone(), good.kid.clone());
    let with_public_key =
        encode(&hs256, &claims, &EncodingKey::from_base64_secret(&standard(&public)).unwrap());
    let encoded = people.sign(&good, &claims);
    let parts: Vec<&str> = encoded.split('.').collect();
    let none = base64(&json!({"alg": "none", "typ": "at+jwt", "kid": people.kid()}).to_string());
    let stranger = People::new("urn:orion:test:orion");

    let header = |change: fn(&mut Header)| {
        let mut header = good.clone();
        change(&mut header);
        people.sign(&header, &claims)
    };
    for (what, token) in [
        ("HS256 with the public key", with_public_key.unwrap()),
        ("unsigned", format!("{none}.{}.", parts[1])),
        ("unsigned, with a signature", format!("{none}.{}.{}", parts[1], parts[2])),
        ("without its signature", format!("{}.{}.", parts[0], parts[1])),
        ("another's signature", stranger.sign(&good, &claims)),
        ("an id token", header(|header| header.typ = Some("JWT".into()))),
        ("no type", header(|header| header.typ = None)),
        ("no key", header(|header| header.kid = None)),
        ("a demand", header(|header| header.crit = Some(vec!["exp".into()]))),
        ("no expiry", people.sign(&good, &json!({"iss": claims.iss, "aud": claims.aud, "sub": claims.sub}))),
        (
            "others' claims",
            format!("{}.{}.{}", parts[0], base64(&json!(people.claims()).to_string()), parts[2]),
        ),
    ] {
        assert!(refused(&service, &token).await.is(INVALID_TOKEN), "{what}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nothing_is_said_about_a_token_and_the_service_runs_all_the_same() {
    let env = Env::of("user").await;
    let people = env.people().clone();
    // Somebody who answers the health path, and has no keys.
    let (env, proxy) = env.through_proxy("ORION_PEER_AUTH_URL").await;
    let service = spawn::<Sample>(env).await;
    let good = people.token(|_| {});
    testkit::eventually("the keys are read", || async {
        let answer = service.get("/me").bearer_auth(&good).send().await.unwrap();
        answer.status().is_success().then_some(())
    })
    .await;
    proxy.cut();
    let answer = service.get("/me").bearer_auth(&good).send().await.unwrap();
    assert_eq!(answer.status(), 200, "known keys stay");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_services_that_the_catalog_lets_call_are_let_in() {
    let service = spawn::<Sample>(Env::of("user").await).await;
    let cluster = service.cluster().clone();
    let ask = async |token: &str| {
        service.get("/caller").header("x-orion-service-token", token).send().await.unwrap()
    };
    let answer = ask(&service.env().caller_token("gateway")).await;
    assert_eq!(answer.text().await.unwrap(), "gateway");

    assert!(problem(service.get("/caller").send().await.unwrap()).await.is(CALLER_UNAUTHENTICATED));
    let auth = service.env().caller_token("auth");
    assert!(problem(ask(&auth).await).await.is(CALLER_FORBIDDEN), "auth calls nobody");
    for (what, token) in [
        ("for another service", cluster.service_token("gateway", "auth")),
        ("expired", cluster.service_token_with("gateway", "user", |claims| claims["exp"] = json!(1))),
        (
            "another issuer",
            cluster.service_token_with("gateway", "user", |claims| claims["iss"] = json!("https://x")),
        ),
        ("another cluster", testkit::Cluster::new().service_token("gateway", "user")),
        ("a person's", service.env().people().token(|_| {})),
    ] {
        assert!(problem(ask(&token).await).await.is(CALLER_UNAUTHENTICATED), "{what}");
    }
    for subject in ["system:serviceaccount:other:orion-gateway", "system:serviceaccount:test:other-gateway"] {
        let token = cluster.service_token_with("gateway", "user", |claims| claims["sub"] = json!(subject));
        assert!(problem(ask(&token).await).await.is(CALLER_FORBIDDEN), "{subject}");
    }
    service.stop().await;
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

fn standard(url_safe: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    STANDARD.encode(URL_SAFE_NO_PAD.decode(url_safe).unwrap())
}
