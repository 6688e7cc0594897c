//! Signing out.

use crate::stage::{Stage, claims, env, refused, tokens, until};
use contracts::auth::LogoutResponse;
use contracts::problem;
use fred::interfaces::KeysInterface;
use reqwest::StatusCode;
use serde_json::json;

async fn sessions_ended(answer: reqwest::Response) -> u64 {
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
    answer.json::<LogoutResponse>().await.unwrap().sessions_ended
}

#[tokio::test]
async fn after_a_logout_neither_token_is_good_for_anything_and_other_sessions_go_on() {
    let env = env().await;
    let mut events = env.vhost().queue("auth.events", &["user.logout"]).await;
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    let (here, there) = (stage.login(&person).await, stage.login(&person).await);

    assert_eq!(sessions_ended(stage.try_logout(&here.access_token, false).await).await, 1);

    refused(stage.try_me(&here.access_token).await, problem::TOKEN_REVOKED).await;
    refused(stage.try_logout(&here.access_token, false).await, problem::TOKEN_REVOKED).await;
    refused(stage.try_refresh(&here.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
    stage.me(&there.access_token).await;
    tokens(stage.try_refresh(&there.refresh_token).await).await;

    let claims = claims(&here.access_token);
    for key in [format!("revoked:sid:{}", claims.sid), format!("revoked:jti:{}", claims.jti)] {
        let through: i64 = stage.redis_get(&key).await.expect(&key).parse().unwrap();
        assert!(through >= claims.exp, "{key} covers whatever the session was given");
        let ttl: i64 = stage.redis.ttl(key).await.unwrap();
        assert!(ttl >= 900, "as long as a token can live, {ttl}");
    }
    let event = events.next().await;
    assert_eq!((&event["userId"], &event["sessionId"]), (&json!(person.id), &json!(claims.sid)));
    assert_eq!(stage.count("SELECT count(*) FROM security_events WHERE kind = 'logout'").await, 1);
}

#[tokio::test]
async fn a_token_refreshed_meanwhile_ends_with_its_session_too() {
    let stage = Stage::new().await;
    let first = stage.login(&stage.person().await).await;
    let second = tokens(stage.try_refresh(&first.refresh_token).await).await;
    assert_eq!(sessions_ended(stage.try_logout(&first.access_token, false).await).await, 1);
    refused(stage.try_me(&second.access_token).await, problem::TOKEN_REVOKED).await;
    refused(stage.try_refresh(&second.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
}

#[tokio::test]
async fn logging_out_everywhere_ends_every_session_and_a_new_login_works_at_once() {
    let stage = Stage::new().await;
    let (person, other) = (stage.person().await, stage.person().await);
    let mut sessions = vec![];
    for _ in 0..3 {
        sessions.push(stage.login(&person).await);
    }
    let bystander = stage.login(&other).await;
    assert_eq!(sessions_ended(stage.try_logout(&sessions[0].access_token, true).await).await, 3);
    for session in &sessions {
        refused(stage.try_me(&session.access_token).await, problem::TOKEN_REVOKED).await;
        refused(stage.try_refresh(&session.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
    }
    stage.me(&bystander.access_token).await;
    let again = stage.login(&person).await;
    stage.me(&again.access_token).await;
}

#[tokio::test]
async fn a_logout_while_redis_is_away_counts_and_reaches_redis_when_it_is_back() {
    let (env, proxy) = env().await.through_proxy("ORION_REDIS_URL").await;
    let stage = Stage::of(env).await;
    let here = stage.login(&stage.person().await).await;
    proxy.cut();
    assert_eq!(sessions_ended(stage.try_logout(&here.access_token, false).await).await, 1);
    refused(stage.try_me(&here.access_token).await, problem::TOKEN_REVOKED).await;
    proxy.restore();
    let key = format!("revoked:sid:{}", claims(&here.access_token).sid);
    until("Redis knows of the logout", || async { stage.redis_get(&key).await.is_some() }).await;
}

#[tokio::test]
async fn a_logout_needs_a_token_and_knows_only_its_own_options() {
    let stage = Stage::new().await;
    let here = stage.login(&stage.person().await).await;
    let before = stage.everything().await;
    refused(stage.post("/api/auth/logout").send().await.unwrap(), problem::UNAUTHENTICATED).await;
    for query in ["all=perhaps", "al=true"] {
        let request = stage.post(&format!("/api/auth/logout?{query}")).bearer_auth(&here.access_token);
        refused(request.send().await.unwrap(), problem::MALFORMED_REQUEST).await;
    }
    assert_eq!(stage.everything().await, before);
}
