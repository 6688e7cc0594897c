//! Refresh tokens: rotation, racing tabs, thieves, and stores that are away.

use crate::stage::{Stage, claims, env, refused, tokens};
use contracts::problem;
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use std::collections::HashSet;

#[tokio::test]
async fn each_refresh_replaces_the_token_and_keeps_the_session() {
    let stage = Stage::new().await;
    let first = stage.login(&stage.person().await).await;
    stage.pass(SignedDuration::from_mins(15));
    let second = tokens(stage.try_refresh(&first.refresh_token).await).await;
    stage.pass(SignedDuration::from_mins(15));
    let third = tokens(stage.try_refresh(&second.refresh_token).await).await;

    assert_eq!(second.user, first.user);
    let all = HashSet::from([&first.refresh_token, &second.refresh_token, &third.refresh_token]);
    assert_eq!(all.len(), 3);
    let (old, new) = (claims(&first.access_token), claims(&third.access_token));
    assert_eq!(old.sid, new.sid);
    assert_ne!(old.jti, new.jti);
    stage.me(&third.access_token).await;
    let chain =
        "SELECT count(*) FROM auth_tokens child JOIN auth_tokens parent ON child.parent_id = parent.id
                 WHERE parent.status = 'rotated' AND parent.family_id = child.family_id";
    assert_eq!(stage.count(chain).await, 2);
    assert_eq!(stage.count("SELECT count(*) FROM auth_tokens WHERE status = 'active'").await, 1);
}

#[tokio::test]
async fn a_session_lives_as_long_as_it_is_used_and_no_longer() {
    let stage = Stage::new().await;
    let mut token = stage.login(&stage.person().await).await.refresh_token;
    for _ in 0..3 {
        stage.pass(SignedDuration::from_hours(6 * 24));
        token = tokens(stage.try_refresh(&token).await).await.refresh_token;
    }
    stage.pass(SignedDuration::from_hours(7 * 24));
    refused(stage.try_refresh(&token).await, problem::INVALID_REFRESH_TOKEN).await;
    assert_eq!(
        stage.count("SELECT count(*) FROM security_events WHERE kind = 'refresh_token_expired'").await,
        1
    );
}

#[tokio::test]
async fn tabs_that_race_get_the_same_successor_and_nobody_is_logged_out() {
    let stage = Stage::new().await;
    let first = stage.login(&stage.person().await).await;
    let answers =
        join_all((0..20).map(|_| async { tokens(stage.try_refresh(&first.refresh_token).await).await }))
            .await;
    let successors: HashSet<_> = answers.iter().map(|answer| answer.refresh_token.clone()).collect();
    assert_eq!(successors.len(), 1);
    assert_eq!(stage.count("SELECT count(*) FROM auth_tokens").await, 2);
    for answer in &answers[..2] {
        stage.me(&answer.access_token).await;
    }
    stage.pass(SignedDuration::from_secs(10));
    let late = tokens(stage.try_refresh(&first.refresh_token).await).await;
    assert!(successors.contains(&late.refresh_token), "ten seconds later it is still the same");
    tokens(stage.try_refresh(&late.refresh_token).await).await;
}

#[tokio::test]
async fn a_token_used_again_after_the_grace_ends_the_whole_family() {
    let env = env().await;
    let mut events = env.vhost().queue("auth.events", &["security.suspicious_activity"]).await;
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    let (first, other_session) = (stage.login(&person).await, stage.login(&person).await);
    let second = tokens(stage.try_refresh(&first.refresh_token).await).await;
    stage.pass(SignedDuration::from_secs(11));

    refused(stage.try_refresh(&first.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;

    refused(stage.try_refresh(&second.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
    refused(stage.try_me(&second.access_token).await, problem::TOKEN_REVOKED).await;
    refused(stage.try_me(&first.access_token).await, problem::TOKEN_REVOKED).await;
    let session = claims(&first.access_token).sid;
    let event = events.next().await;
    assert_eq!((&event["reason"], &event["sessionId"]), (&"refresh-token-reused".into(), &json!(session)));
    assert_eq!(
        stage.count("SELECT count(*) FROM security_events WHERE kind = 'refresh_token_reused'").await,
        1
    );
    let revoked = stage.redis_get(&format!("revoked:sid:{session}")).await;
    assert!(revoked.is_some(), "the gateway sees it");
    // The alarm rings once, and another session of the same person is none of the thief's.
    refused(stage.try_refresh(&first.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
    assert_eq!(
        stage.count("SELECT count(*) FROM security_events WHERE kind = 'refresh_token_reused'").await,
        1
    );
    tokens(stage.try_refresh(&other_session.refresh_token).await).await;
}

#[tokio::test]
async fn the_grace_is_one_step_a_token_two_steps_old_is_reuse_at_once() {
    let stage = Stage::new().await;
    let first = stage.login(&stage.person().await).await;
    let second = tokens(stage.try_refresh(&first.refresh_token).await).await;
    let third = tokens(stage.try_refresh(&second.refresh_token).await).await;
    refused(stage.try_refresh(&first.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
    refused(stage.try_refresh(&third.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
}

#[tokio::test]
async fn reuse_while_the_thief_refreshes_leaves_nobody_a_token() {
    let stage = Stage::new().await;
    let first = stage.login(&stage.person().await).await;
    let second = tokens(stage.try_refresh(&first.refresh_token).await).await;
    stage.pass(SignedDuration::from_secs(11));
    // In whatever order they arrive.
    futures::join!(stage.try_refresh(&second.refresh_token), stage.try_refresh(&first.refresh_token));
    let alive = "SELECT count(*) FROM auth_tokens t JOIN sessions s ON s.id = t.session_id
                 WHERE t.status = 'active' AND s.revoked_at IS NULL";
    assert_eq!(stage.count(alive).await, 0);
}

#[tokio::test]
async fn a_suspended_person_gets_no_new_tokens() {
    let stage = Stage::new().await;
    let first = stage.login(&stage.person().await).await;
    sqlx::query("UPDATE credentials SET status = 'suspended'").execute(stage.db()).await.unwrap();
    refused(stage.try_refresh(&first.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
}

#[tokio::test]
async fn refreshing_takes_the_roles_that_the_person_has_now() {
    let stage = Stage::new().await;
    let first = stage.login(&stage.person().await).await;
    let promote = "UPDATE credentials SET roles = '[\"user\", \"admin\"]', version = version + 1";
    sqlx::query(promote).execute(stage.db()).await.unwrap();
    let second = tokens(stage.try_refresh(&first.refresh_token).await).await;
    let claims = claims(&second.access_token);
    assert!(claims.has_role("admin") && claims.ver == 2);
}

#[tokio::test]
async fn refreshing_goes_on_when_redis_is_emptied_or_away() {
    let (env, proxy) = env().await.through_proxy("ORION_REDIS_URL").await;
    let stage = Stage::of(env).await;
    let person = stage.person().await;
    let first = stage.login(&person).await;
    stage.flush_redis().await;
    let second = tokens(stage.try_refresh(&first.refresh_token).await).await;
    proxy.cut();
    let third = tokens(stage.try_refresh(&second.refresh_token).await).await;
    let again = stage.login(&person).await;
    stage.me(&again.access_token).await;
    proxy.restore();
    crate::stage::until("Redis is back", || async { stage.service.chassis().redis().check().await.is_ok() })
        .await;
    tokens(stage.try_refresh(&third.refresh_token).await).await;
}

#[tokio::test]
async fn a_dead_token_sent_again_and_again_is_noted_once() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let (revoked, expired) = (stage.login(&person).await, stage.login(&person).await);
    stage.try_logout(&revoked.access_token, false).await;
    for _ in 0..3 {
        refused(stage.try_refresh(&revoked.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
    }
    stage.pass(SignedDuration::from_hours(24 * 8));
    for _ in 0..3 {
        refused(stage.try_refresh(&expired.refresh_token).await, problem::INVALID_REFRESH_TOKEN).await;
    }
    for noted in [
        "SELECT count(*) FROM security_events WHERE kind = 'refresh_token_revoked'",
        "SELECT count(*) FROM security_events WHERE kind = 'refresh_token_expired'",
    ] {
        assert_eq!(stage.count(noted).await, 1, "{noted}");
    }
}
