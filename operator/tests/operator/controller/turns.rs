//! Events tell each turn of a platform once.

use super::story::{GONE, READY, Story};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use operator::api::{OrionPlatform, OrionPlatformStatus, examples};
use operator::controller::turns::{Turn, between, event};
use operator::rollout::Live;

fn reasons(turns: &[Turn]) -> Vec<&str> {
    turns.iter().map(|turn| turn.reason.as_str()).collect()
}

fn platform() -> OrionPlatform {
    let mut platform = examples::platform("shop", "orion", "{}");
    platform.metadata.uid = Some("0f0e".to_owned());
    platform
}

/// The names of the Events of a change, as an operator writes them at a time.
fn names(before: &OrionPlatformStatus, now: &OrionPlatformStatus, at: Timestamp) -> Vec<String> {
    let turns = between(before, now);
    let named = turns.iter().map(|turn| event(&platform(), before, turn, "pod", at).metadata.name);
    named.map(|name| name.expect("an Event has a name")).collect()
}

#[test]
fn each_turn_is_told_once_and_what_stays_is_not_told() {
    let mut story = Story::new();
    let empty = story.status.clone();
    let first = story.after(0).clone();
    assert_eq!(reasons(&between(&empty, &first)), ["Installing"]);
    story.is("postgres", Live::Current, READY);
    let second = story.after(1).clone();
    assert_eq!(reasons(&between(&first, &second)), ["DataReady"]);
    assert_eq!(between(&second, &second), []);
    story.is("auth", Live::Current, READY);
    story.is("user", Live::Current, READY);
    let third = story.after(1).clone();
    assert_eq!(reasons(&between(&second, &third)), ["Ready", "AuthReady", "BusinessReady"]);
    assert!(between(&second, &third).iter().all(|turn| !turn.warning));
}

#[test]
fn an_update_on_offer_is_told_with_how_to_approve_it() {
    let before = Story::installed().status;
    let mut now = before.clone();
    let update = now.conditions.iter_mut().find(|c| c.type_ == "UpdateAvailable").expect("the condition");
    update.status = "True".to_owned();
    update.message = "revision abcd: approve it with `orion approve`".to_owned();
    let turns = between(&before, &now);
    assert_eq!(reasons(&turns), ["UpdateAvailable"]);
    assert!(turns[0].note.contains("orion approve"));
}

#[test]
fn an_operator_that_comes_to_the_same_turn_again_finds_its_event_there() {
    let mut story = Story::installed();
    let before = story.status.clone();
    story.is("auth", Live::Current, GONE).cause = Some("OOMKilled".to_owned());
    let now = story.after(1).clone();
    let written = names(&before, &now, Timestamp::UNIX_EPOCH);
    assert_eq!(written.len(), 1);
    // The one before was killed; this one has read the status from the API server and looks a minute later.
    let read: OrionPlatformStatus =
        serde_json::from_value(serde_json::to_value(&before).expect("JSON")).expect("a status");
    let later = story.after(60).clone();
    assert_eq!(names(&read, &later, Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60)), written);
}

#[test]
fn the_same_trouble_a_second_time_is_told_a_second_time_with_its_own_cause() {
    let mut story = Story::installed();
    let mut told = Vec::new();
    for cause in ["OOMKilled", "ImagePullBackOff"] {
        let well = story.after(1).clone();
        story.is("auth", Live::Current, GONE).cause = Some(cause.to_owned());
        let ill = story.after(1).clone();
        let [turn] = &between(&well, &ill)[..] else { panic!("one turn") };
        assert!(turn.warning && turn.note.contains(cause), "{turn:?}");
        told.extend(names(&well, &ill, Timestamp::UNIX_EPOCH));
        story.is("auth", Live::Current, READY).cause = None;
        story.after(1);
    }
    assert_ne!(told[0], told[1]);
}

#[test]
fn a_note_is_no_longer_than_the_api_server_takes() {
    let turn = Turn { warning: true, reason: "Stalled".to_owned(), note: "ü".repeat(700) };
    let event = event(&platform(), &OrionPlatformStatus::default(), &turn, "pod", Timestamp::UNIX_EPOCH);
    assert_eq!(event.note.map(|note| note.len()), Some(1024));
    assert_eq!(event.type_.as_deref(), Some("Warning"));
}
