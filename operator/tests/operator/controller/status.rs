//! What is said about a platform as it comes up, falls ill and gets well.

use super::story::{GONE, READY, ROLLING, Story};
use k8s_openapi::jiff::Timestamp;
use operator::api::{Health, Phase, TierPhase};
use operator::controller::status::{deleting, invalid, of_what_runs};
use operator::rollout::Live;

#[test]
fn an_install_goes_up_tier_by_tier_and_ready_comes_last() {
    let mut story = Story::new();
    story.after(0);
    assert_eq!(
        (story.status.phase, story.tier(0), story.tier(2)),
        (Some(Phase::Installing), TierPhase::Progressing, TierPhase::Waiting)
    );
    assert_eq!(story.message(), "postgres: 0 of 1 ready");
    assert_eq!(story.status.tiers[1].blocked_by.as_deref(), Some("auth waits for postgres"));
    story.is("postgres", Live::Current, READY);
    story.after(1);
    assert_eq!(
        (story.condition("DataReady"), story.condition("AuthReady"), story.condition("Ready")),
        ("True", "False", "False")
    );
    story.is("auth", Live::Current, READY);
    story.is("user", Live::Current, READY);
    story.after(1);
    assert_eq!(
        (story.status.phase, story.condition("Ready"), story.condition("Reconciling")),
        (Some(Phase::Ready), "True", "False")
    );
    assert_eq!(story.status.last_good_revision.as_deref(), Some("one"));
    assert_eq!(story.message(), "all 3 parts are ready");
}

#[test]
fn a_status_that_says_nothing_new_is_equal_to_the_one_before() {
    let mut story = Story::new();
    for name in ["postgres", "auth", "user"] {
        let before = story.after(1).clone();
        assert_eq!(story.after(10), &before);
        story.is(name, Live::Current, READY);
    }
    let before = story.after(1).clone();
    assert_eq!(story.after(100_000), &before);
}

#[test]
fn a_tier_without_progress_is_stalled_with_its_cause_and_what_is_above_waits() {
    let mut story = Story::new();
    story.is("postgres", Live::Current, READY);
    story.after(0);
    story.is("auth", Live::Current, GONE).cause = Some("CrashLoopBackOff, exit 1: no".to_owned());
    story.after(30);
    assert_eq!((story.status.phase, story.condition("Reconciling")), (Some(Phase::Installing), "True"));
    assert_eq!(story.message(), "auth: CrashLoopBackOff, exit 1: no");
    story.after(30);
    assert_eq!(
        (story.status.phase, story.tier(2), story.tier(3)),
        (Some(Phase::Stalled), TierPhase::Stalled, TierPhase::Waiting)
    );
    assert_eq!(
        (story.condition("Stalled"), story.condition("Reconciling"), story.condition("Ready")),
        ("True", "False", "False")
    );
    assert_eq!(story.message(), "auth: CrashLoopBackOff, exit 1: no");
    // Put right, it goes on by itself.
    story.is("auth", Live::Current, READY);
    story.after(1);
    assert_eq!((story.status.phase, story.tier(3)), (Some(Phase::Installing), TierPhase::Progressing));
}

#[test]
fn the_timeout_counts_from_the_last_progress_across_restarts_of_the_operator() {
    let mut story = Story::new();
    story.is("postgres", Live::Current, READY).readiness.desired = 1;
    story.is("auth", Live::Current, GONE);
    story.after(0);
    story.after(59);
    assert_eq!(story.tier(2), TierPhase::Progressing);
    // All that a new operator has is the status.
    let status = serde_json::to_value(&story.status).expect("JSON");
    story.status = serde_json::from_value(status).expect("a status");
    story.after(1);
    assert_eq!(story.tier(2), TierPhase::Stalled);
}

#[test]
fn a_new_spec_ends_a_stall() {
    let mut story = Story::new();
    story.is("postgres", Live::Current, GONE);
    story.after(0);
    story.after(60);
    assert_eq!(story.status.phase, Some(Phase::Stalled));
    story.edit("two");
    story.after(1);
    assert_eq!(story.status.phase, Some(Phase::Installing));
    story.after(60);
    assert_eq!(story.status.phase, Some(Phase::Stalled));
}

#[test]
fn ill_after_install_is_degraded_and_never_stalled() {
    let mut story = Story::installed();
    story.is("auth", Live::Current, GONE).cause = Some("restarted once, exit 1".to_owned());
    story.after(1);
    assert_eq!((story.status.phase, story.tier(2)), (Some(Phase::Degraded), TierPhase::Degraded));
    assert_eq!(
        (story.condition("Ready"), story.condition("Degraded"), story.condition("Stalled")),
        ("False", "True", "False")
    );
    story.after(10_000);
    assert_eq!((story.status.phase, story.condition("Stalled")), (Some(Phase::Degraded), "False"));
    story.is("auth", Live::Current, READY);
    story.after(1);
    assert_eq!((story.status.phase, story.condition("Degraded")), (Some(Phase::Ready), "False"));
}

#[test]
fn an_edit_is_a_rollout_and_ready_only_when_its_own_generation_is() {
    let mut story = Story::installed();
    story.edit("two");
    story.is("user", Live::Edited, READY);
    story.after(1);
    assert_eq!((story.status.phase, story.condition("Ready")), (Some(Phase::Updating), "False"));
    assert_eq!(story.status.observed_generation, 2);
    story.is("user", Live::Current, ROLLING);
    story.after(1);
    assert_eq!((story.status.phase, story.condition("BusinessReady")), (Some(Phase::Updating), "False"));
    assert_eq!(story.status.last_good_revision.as_deref(), Some("one"));
    story.is("user", Live::Current, READY);
    story.after(1);
    assert_eq!(
        (story.status.phase, story.status.last_good_revision.as_deref()),
        (Some(Phase::Ready), Some("two"))
    );
}

#[test]
fn an_edit_that_does_not_come_up_stalls_although_the_old_pods_serve() {
    let mut story = Story::installed();
    story.edit("two");
    story.is("user", Live::Current, ROLLING).cause = Some("ImagePullBackOff: user:9: not found".to_owned());
    story.after(1);
    story.after(60);
    assert_eq!(
        (story.status.phase, story.message()),
        (Some(Phase::Stalled), "user: ImagePullBackOff: user:9: not found")
    );
}

#[test]
fn drift_that_is_mended_in_passing_does_not_end_ready() {
    let mut story = Story::installed();
    story.is("auth", Live::Edited, READY);
    let before = story.status.clone();
    assert_eq!(story.after(5), &before);
}

#[test]
fn an_edit_that_waits_for_an_ill_dependency_stalls_with_the_dependency_as_the_cause() {
    let mut story = Story::installed();
    story.is("auth", Live::Current, GONE);
    story.after(1);
    story.edit("two");
    story.is("user", Live::Edited, READY);
    story.after(1);
    assert_eq!((story.tier(2), story.tier(3)), (TierPhase::Degraded, TierPhase::Waiting));
    assert_eq!(story.status.tiers[2].blocked_by.as_deref(), Some("user waits for auth"));
    story.after(60);
    assert_eq!(
        (story.tier(2), story.tier(3), story.status.phase),
        (TierPhase::Degraded, TierPhase::Stalled, Some(Phase::Stalled))
    );
}

#[test]
fn a_service_that_says_it_is_down_is_not_ready_although_its_pods_are() {
    let mut story = Story::installed();
    let auth = story.is("auth", Live::Current, READY);
    (auth.health, auth.cause) = (Health::Down, Some("postgres: connection refused".to_owned()));
    story.after(1);
    assert_eq!(
        (story.status.phase, story.condition("Ready"), story.condition("Degraded")),
        (Some(Phase::Degraded), "False", "True")
    );
    assert_eq!(story.message(), "auth: postgres: connection refused");
    story.is("auth", Live::Current, READY).health = Health::Degraded;
    story.after(1);
    assert_eq!((story.condition("Ready"), story.condition("Degraded")), ("True", "True"));
}

#[test]
fn a_paused_platform_says_so_and_its_clock_stands() {
    let mut story = Story::new();
    story.paused = true;
    story.after(0);
    story.after(1000);
    assert_eq!((story.status.phase, story.condition("Stalled")), (Some(Phase::Paused), "False"));
}

#[test]
fn an_invalid_spec_is_stalled_and_keeps_what_is_known() {
    let story = Story::installed();
    let now = Timestamp::UNIX_EPOCH;
    let reasons = ["spec.version: too new".to_owned(), "b".to_owned()];
    let status = invalid(&story.status, story.status.clone(), 2, now, &reasons);
    assert_eq!((status.phase, status.observed_generation), (Some(Phase::Invalid), 2));
    assert_eq!(status.message.as_deref(), Some("spec.version: too new; b"));
    let stalled = status.conditions.iter().find(|c| c.type_ == "Stalled").expect("a condition");
    assert_eq!((stalled.status.as_str(), stalled.reason.as_str()), ("True", "InvalidSpec"));
    assert_eq!((status.services, status.tiers), (story.status.services, story.status.tiers));
}

#[test]
fn under_an_invalid_spec_only_the_verdict_is_about_it() {
    let mut story = Story::installed();
    story.is("auth", Live::Current, GONE).cause = Some("restarted once, exit 1".to_owned());
    story.after(1);
    let runs = story.status.clone();
    let status = invalid(&story.status, runs, 2, Timestamp::UNIX_EPOCH, &["no".to_owned()]);
    let of = |kind: &str| {
        let mut found = status.conditions.iter().filter(|c| c.type_ == kind);
        let one = found.next().unwrap_or_else(|| panic!("{kind} is missing"));
        assert!(found.next().is_none(), "{kind} is there twice");
        (one.status.as_str(), one.observed_generation)
    };
    for verdict in ["Ready", "Reconciling", "Stalled"] {
        assert_eq!(of(verdict).1, Some(2), "{verdict}");
    }
    for (known, value) in [("DataReady", "True"), ("AuthReady", "False"), ("Degraded", "True")] {
        assert_eq!(of(known), (value, Some(1)), "{known}");
    }
    // Said again, it is the same.
    let again = invalid(&status, status.clone(), 2, Timestamp::MAX, &["no".to_owned()]);
    assert_eq!(again, status);
}

#[test]
fn under_an_invalid_spec_what_runs_is_told_as_it_is_now_and_about_its_own_spec() {
    let mut story = Story::installed();
    let no = ["no".to_owned()];
    story.status = invalid(&story.status, story.status.clone(), 2, Timestamp::UNIX_EPOCH, &no);
    let told = story.status.clone();
    story.status = of_what_runs(&told);
    assert_eq!(story.status.observed_generation, 1);
    // Somebody deletes a Deployment: it is told, and told again without a change.
    story.is("auth", Live::Absent, GONE);
    let runs = story.after(5).clone();
    let now = Timestamp::from_second(5).expect("a time");
    let status = invalid(&told, runs, 2, now, &no);
    let auth = status.services.iter().find(|s| s.name == "auth").expect("a unit");
    assert_eq!((auth.ready, status.phase, status.observed_generation), (0, Some(Phase::Invalid), 2));
    let condition = status.conditions.iter().find(|c| c.type_ == "AuthReady").expect("a condition");
    assert_eq!((condition.status.as_str(), condition.observed_generation), ("False", Some(1)));
    story.status = of_what_runs(&status);
    let runs = story.after(5).clone();
    let again = invalid(&status, runs, 2, Timestamp::from_second(10).expect("a time"), &no);
    assert_eq!(again, status);
}

#[test]
fn teardown_names_what_it_waits_for() {
    let story = Story::installed();
    let left = [(0, vec!["postgres".to_owned()]), (2, vec!["auth".to_owned()])];
    let now = Timestamp::UNIX_EPOCH;
    let status = deleting(&story.status, 2, now, &left, &[]);
    assert_eq!(status.phase, Some(Phase::Deleting));
    assert_eq!(status.message.as_deref(), Some("being taken down: waits for the pods of auth to end"));
    assert_eq!(status.services.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["postgres", "auth"]);
    assert_eq!(status, deleting(&status, 2, Timestamp::MAX, &left, &[]));
}

#[test]
fn teardown_names_the_secrets_that_stay_whatever_the_policy() {
    let kept = ["orion-admin", "orion-auth-keys"];
    let status = deleting(&Story::installed().status, 2, Timestamp::UNIX_EPOCH, &[], &kept);
    let message = status.message.unwrap_or_default();
    assert!(message.ends_with("stays: Secret orion-admin, orion-auth-keys"), "{message}");
}

#[test]
fn a_change_that_is_taken_back_is_not_ready_before_every_part_is_back() {
    let mut story = Story::installed();
    story.edit("two");
    story.is("auth", Live::Current, ROLLING);
    story.after(1);
    assert_eq!(story.condition("Ready"), "False");
    story.edit("one");
    story.is("auth", Live::Edited, ROLLING);
    story.after(1);
    story.after(1);
    assert_eq!((story.condition("Ready"), story.tier(2)), ("False", TierPhase::Progressing));
    story.is("auth", Live::Current, READY);
    story.after(1);
    assert_eq!(story.condition("Ready"), "True");
}
