//! Redis may forget; nobody who was shut out comes back in.

use crate::stage::{Stage, claims, env, refused, until};
use auth::cache::Cache;
use auth::config::Settings;
use auth::flows::revocation::{Filled, keep_redis_filled};
use auth::state::App;
use chassis::config::Reader;
use contracts::problem;
use fred::interfaces::KeysInterface;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;

const EPOCH: &str = "revoked:epoch";

/// A service that leaves Redis alone, so that a test does each step itself.
async fn idle_stage() -> Stage {
    let stage = Stage::of(env().await.set("ORION_REVOCATION_CHECK", "1h")).await;
    until("the first filling is over", || async { stage.redis_get(EPOCH).await.is_some() }).await;
    stage
}

/// Another replica, in as far as it fills Redis.
fn replica(stage: &Stage) -> Arc<App> {
    replica_with(stage, &[])
}

fn replica_with(stage: &Stage, settings: &[(&str, &str)]) -> Arc<App> {
    let key = ("ORION_KEY_ENCRYPTION_KEY", crate::stage::MASTER_KEY);
    let env = settings.iter().copied().chain([key]).map(|(name, value)| (name.to_owned(), value.to_owned()));
    App::new(stage.service.chassis().clone(), Settings::read(&mut Reader::new(env)).unwrap())
}

#[tokio::test]
async fn an_emptied_redis_is_filled_again_and_only_then_trusted() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let (out, still_in) = (stage.login(&person).await, stage.login(&person).await);
    stage.try_logout(&out.access_token, false).await;
    let key = format!("revoked:sid:{}", claims(&out.access_token).sid);
    let before = stage.redis_get(&key).await;

    stage.flush_redis().await;
    // Whether Redis is filled already or not:
    refused(stage.try_me(&out.access_token).await, problem::TOKEN_REVOKED).await;
    stage.me(&still_in.access_token).await;
    until("the epoch is set", || async { stage.redis_get(EPOCH).await.is_some() }).await;
    assert_eq!(stage.redis_get(&key).await, before);
    let ttl: i64 = stage.redis.ttl(EPOCH).await.unwrap();
    assert!((1..=300).contains(&ttl), "the epoch is a lease of five minutes, {ttl}");
}

#[tokio::test]
async fn replicas_that_fill_redis_at_once_do_not_disturb_each_other() {
    let stage = idle_stage().await;
    let person = stage.person().await;
    for _ in 0..5 {
        let session = stage.login(&person).await;
        stage.try_logout(&session.access_token, false).await;
    }
    stage.flush_redis().await;
    let (one, two) = (replica(&stage), replica(&stage));
    let (first, second) = futures::join!(keep_redis_filled(&one), keep_redis_filled(&two));
    for filled in [first.unwrap(), second.unwrap()] {
        assert!(matches!(filled, Filled::Rebuilt(10) | Filled::Kept(0)), "{filled:?}");
    }
    let keys: Vec<String> = stage.as_redis_admin("KEYS", vec!["revoked:*"]).await;
    assert_eq!(keys.len(), 11, "ten revocations and the epoch, no marker: {keys:?}");
    assert_eq!(keep_redis_filled(&one).await.unwrap(), Filled::Kept(0));
}

#[tokio::test]
async fn redis_emptied_while_it_is_filled_is_not_taken_for_filled() {
    let stage = idle_stage().await;
    let cache = Cache::new(stage.service.chassis().redis().clone());
    stage.flush_redis().await;
    let marker = cache.begin_rebuild(stage.clock.now()).await.unwrap();
    stage.flush_redis().await;
    assert!(!cache.finish_rebuild(&marker, Duration::from_secs(30)).await.unwrap());
    assert_eq!(stage.redis_get(EPOCH).await, None);
}

#[tokio::test]
async fn a_revocation_that_redis_lost_in_a_crash_is_written_again_although_the_epoch_survived() {
    let stage = Stage::new().await;
    let session = stage.login(&stage.person().await).await;
    stage.try_logout(&session.access_token, false).await;
    let key = format!("revoked:sid:{}", claims(&session.access_token).sid);
    // What a Redis does that wrote to its disk a second before it fell.
    let _: i64 = stage.redis.del(&key).await.unwrap();
    stage.pass(SignedDuration::from_secs(5));
    until("the revocation is back", || async { stage.redis_get(&key).await.is_some() }).await;
    until("it is settled", || async {
        stage.count("SELECT count(*) FROM session_blacklist WHERE settled_at IS NULL").await == 0
    })
    .await;
}

#[tokio::test]
async fn what_can_no_longer_matter_is_not_brought_back() {
    let stage = idle_stage().await;
    let session = stage.login(&stage.person().await).await;
    stage.try_logout(&session.access_token, false).await;
    stage.pass(SignedDuration::from_mins(18));
    stage.flush_redis().await;
    assert_eq!(keep_redis_filled(&replica(&stage)).await.unwrap(), Filled::Rebuilt(0));
}

#[tokio::test]
async fn redis_that_can_be_read_but_not_written_is_soon_not_trusted_any_more() {
    let env = env().await.set("ORION_REVOCATION_CHECK", "1h");
    let (_, url) = env.variables().find(|(name, _)| name == "ORION_REDIS_URL").unwrap();
    let redis_user = url.trim_start_matches("redis://").split(':').next().unwrap().to_owned();
    let stage = Stage::of(env).await;
    until("the first filling is over", || async { stage.redis_get(EPOCH).await.is_some() }).await;
    let session = stage.login(&stage.person().await).await;
    let app = replica(&stage);
    let acl = async |rules: &[&str]| {
        let all = [&["SETUSER", redis_user.as_str()], rules].concat();
        let _: String = stage.as_redis_admin("ACL", all).await;
    };
    // A lease that can't be mistaken for a renewed one.
    let _: i64 = stage.redis.expire(EPOCH, 10_000, None).await.unwrap();
    let ttl = async || stage.redis.ttl::<i64, _>(EPOCH).await.unwrap();

    // Without memory Redis refuses what could take some, which a renewal could not; without a disk, every write.
    for refused_commands in [["-set", "-setex"].as_slice(), &["-@write"]] {
        acl(refused_commands).await;
        let answer = stage.try_logout(&session.access_token, false).await;
        if refused_commands[0] == "-set" {
            assert_eq!(answer.status(), reqwest::StatusCode::OK, "{:?}", answer.text().await);
        }
        refused(stage.try_me(&session.access_token).await, problem::TOKEN_REVOKED).await;
        keep_redis_filled(&app).await.unwrap_err();
        assert!(ttl().await > 9_000, "the lease runs out");
    }

    acl(&["+@write", "-@dangerous"]).await;
    assert_eq!(keep_redis_filled(&app).await.unwrap(), Filled::Kept(2), "what was late is written");
    assert!((1..=300).contains(&ttl().await), "and only then is there a new lease");
    let key = format!("revoked:sid:{}", claims(&session.access_token).sid);
    assert!(stage.redis_get(&key).await.is_some());
}

#[tokio::test]
async fn an_outage_of_postgres_is_bridged_by_the_lease_and_not_longer() {
    let env = env().await.set("ORION_REVOCATION_LEASE", "10m").set("ORION_REVOCATION_CHECK", "1h");
    let (env, postgres) = env.through_proxy("ORION_DATABASE_URL").await;
    let stage = Stage::of(env).await;
    until("the first filling is over", || async { stage.redis_get(EPOCH).await.is_some() }).await;
    let app = replica_with(&stage, &[("ORION_REVOCATION_LEASE", "10m")]);
    let ttl = async || stage.redis.ttl::<i64, _>(EPOCH).await.unwrap();
    assert_eq!(keep_redis_filled(&app).await.unwrap(), Filled::Kept(0));
    assert!((301..=600).contains(&ttl().await), "as long as it was set");

    postgres.cut();
    let before = ttl().await;
    keep_redis_filled(&app).await.unwrap_err();
    assert!((1..=before).contains(&ttl().await), "it is there, and was not renewed");

    // As if its time had passed.
    let _: i64 = stage.redis.del(EPOCH).await.unwrap();
    keep_redis_filled(&app).await.unwrap_err();
    assert_eq!(stage.redis_get(EPOCH).await, None, "nobody says that Redis has everything who did not look");

    postgres.restore();
    until("it is back", || async { keep_redis_filled(&app).await.is_ok() }).await;
    assert!(ttl().await > 0);
}

#[test]
fn a_lease_that_makes_no_sense_is_refused_in_words() {
    for lease in ["9s", "61m", "0s", "5"] {
        let env = [("ORION_KEY_ENCRYPTION_KEY", crate::stage::MASTER_KEY), ("ORION_REVOCATION_LEASE", lease)];
        let mut reader = Reader::new(env.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(Settings::read(&mut reader).is_err(), "{lease}");
        assert!(reader.finish().unwrap_err().to_string().starts_with("ORION_REVOCATION_LEASE"), "{lease}");
    }
}
