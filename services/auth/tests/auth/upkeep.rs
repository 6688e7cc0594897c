//! What nobody sees until it is missing: settings, the purge, and the copied table.

use crate::stage::{MASTER_KEY, Stage};
use auth::Auth;
use auth::store::purge;
use chassis::Service;
use chassis::config::Reader;
use jiff::SignedDuration;

fn complaints(settings: &[(&str, &str)]) -> String {
    let all = [("ORION_KEY_ENCRYPTION_KEY", MASTER_KEY)].iter().chain(settings);
    // A later value wins.
    let mut reader = Reader::new(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    drop(Auth::settings(&mut reader));
    reader.finish().err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn settings_that_make_no_sense_are_refused_with_what_to_write() {
    assert_eq!(complaints(&[]), "");
    let bad = [
        (("ORION_KEY_ENCRYPTION_KEY", "c2hvcnQ="), "has 5 bytes instead of 32"),
        (("ORION_KEY_ENCRYPTION_KEY", "***"), "openssl rand -base64 32"),
        (("ORION_ACCESS_TOKEN_TTL", "0s"), "must be between 1s and 3650d"),
        (("ORION_ACCESS_TOKEN_TTL", "15"), "write a whole number and ms, s, m, h or d"),
        (("ORION_HASH_CONCURRENCY", "0"), "must be at least 1"),
        (("ORION_LOCKOUT_ACCOUNT_LONGEST", "2h"), "_LONGEST ≤ _FORGET"),
        (("ORION_SIGNING_KEY_PUBLISH_AHEAD", "1m"), "must be at least 10m"),
        (("ORION_SIGNING_KEY_LIFETIME", "30m"), "less than ORION_SIGNING_KEY_LIFETIME"),
        (("ORION_ACCESS_TOKEN_TTTL", "1m"), "did you mean ORION_ACCESS_TOKEN_TTL"),
    ];
    for (setting, words) in bad {
        let complaints = complaints(&[setting]);
        assert!(complaints.contains(words), "{setting:?}: {complaints}");
    }
}

#[test]
fn the_outbox_is_the_one_that_the_chassis_relays() {
    assert_eq!(include_str!("../../migrations/0004_outbox.sql"), chassis::outbox::SCHEMA);
}

#[tokio::test]
async fn what_has_served_its_time_is_removed_and_nothing_else() {
    let stage = Stage::new().await;
    let person = stage.person().await;
    let old = stage.login(&person).await;
    stage.try_logout(&old.access_token, false).await;
    stage.try_login(&person.email, "wrong").await;
    stage.pass(SignedDuration::from_hours(24 * 9));
    let kept = stage.login(&person).await;
    let now = stage.clock.now();
    let db = &mut *stage.db().acquire().await.unwrap();
    let day = SignedDuration::from_hours(24);
    assert!(purge::run(db, now - day, now - day * 7, 1000).await.unwrap() > 0);
    assert_eq!(purge::run(db, now - day, now - day * 7, 1000).await.unwrap(), 0);
    for (table, left) in [
        ("sessions", "SELECT count(*) FROM sessions"),
        ("auth_tokens", "SELECT count(*) FROM auth_tokens"),
        ("login_attempts", "SELECT count(*) FROM login_attempts"),
        ("credentials", "SELECT count(*) FROM credentials"),
    ] {
        assert_eq!(stage.count(left).await, 1, "{table}");
    }
    for (table, left) in [
        ("session_blacklist", "SELECT count(*) FROM session_blacklist"),
        ("security_events", "SELECT count(*) FROM security_events"),
        ("rate_limits", "SELECT count(*) FROM rate_limits"),
    ] {
        assert_eq!(stage.count(left).await, 0, "{table}");
    }
    stage.me(&kept.access_token).await;
}
