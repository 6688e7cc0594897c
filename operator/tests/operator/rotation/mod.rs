//! The replacement of accounts, whatever comes in between: nobody who runs is ever refused, and it ends.

mod cluster;

use cluster::Cluster;
use operator::api::RotationPhase;
use operator::controller::turns::between;
use operator::rotation::Step;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn users(accounts: &BTreeSet<String>) -> BTreeSet<&str> {
    accounts.iter().filter_map(|account| account.split(':').next()).collect()
}

#[test]
fn a_wish_gives_every_service_its_other_account_and_the_former_one_is_refused() {
    let mut cluster = Cluster::installed();
    let before = cluster.accounts.clone();
    assert_eq!(users(&before), BTreeSet::from(["auth", "gateway", "user"]));
    cluster.ask("first");
    cluster.settle();
    assert_eq!(users(&cluster.accounts), BTreeSet::from(["auth-2", "gateway-2", "user-2"]));
    assert!(cluster.accounts.is_disjoint(&before));
    cluster.ask("second");
    cluster.settle();
    assert_eq!(users(&cluster.accounts), users(&before));
    assert!(cluster.accounts.is_disjoint(&before), "a password of before is valid again");
    assert!(cluster.turns().values().all(|turn| turn.generation == 2 && turn.step.is_none()));
}

#[test]
fn a_wish_that_was_heard_and_a_wish_for_others_change_nothing() {
    let mut cluster = Cluster::installed();
    cluster.ask("once user");
    cluster.settle();
    assert_eq!(users(&cluster.accounts), BTreeSet::from(["auth", "gateway", "user-2"]));
    let before = cluster.children.clone();
    cluster.settle();
    assert_eq!(cluster.children, before);
}

#[test]
fn accounts_are_replaced_when_they_are_as_old_as_they_may_be_and_not_before() {
    let mut cluster = Cluster::installed();
    cluster.rotate_every("1h");
    cluster.now = 3599;
    cluster.settle();
    assert!(cluster.turns().values().all(|turn| turn.generation == 0));
    cluster.now = 3600;
    cluster.settle();
    assert!(cluster.turns().values().all(|turn| turn.generation == 1 && turn.step.is_none()));
    cluster.now = 7199;
    cluster.settle();
    assert!(cluster.turns().values().all(|turn| turn.generation == 1));
    cluster.now = 7200;
    cluster.settle();
    assert!(cluster.turns().values().all(|turn| turn.generation == 2));
}

/// A Secret is made with accounts of its own: a wish from before is not about them.
#[test]
fn what_is_new_need_not_be_replaced() {
    let mut cluster = Cluster::installed();
    cluster.ask("first");
    cluster.settle();
    let turns = cluster.turns();
    assert!(turns.values().all(|turn| turn.wish.as_deref() == Some("first") && turn.rotated.is_some()));
}

#[test]
fn both_are_valid_until_the_last_pod_of_the_former_one_is_gone() {
    let mut cluster = Cluster::installed();
    cluster.ask("first auth");
    cluster.operator(usize::MAX);
    assert_eq!(cluster.turns()["auth"].step, Some(Step::Adding));
    assert_eq!(users(&cluster.accounts), BTreeSet::from(["auth", "gateway", "user"]));
    for _ in 0..3 {
        cluster.operator(usize::MAX);
        cluster.job();
    }
    assert_eq!((cluster.turns()["auth"].step, cluster.turns()["auth"].generation), (Some(Step::Rolling), 1));
    assert_eq!(users(&cluster.accounts), BTreeSet::from(["auth", "auth-2", "gateway", "user"]));
    // The new pod serves, then the old one is on its way out.
    for _ in 0..2 {
        cluster.deployment("auth");
        cluster.operator(usize::MAX);
        cluster.job();
        assert!(users(&cluster.accounts).contains("auth"));
    }
    cluster.settle();
    assert!(!users(&cluster.accounts).contains("auth"));
}

#[test]
fn a_lost_annotation_loses_nobody_the_way_in() {
    let mut cluster = Cluster::installed();
    cluster.ask("first");
    for step in 0..40 {
        cluster.operator(usize::MAX);
        cluster.forget_turns();
        match step % 4 {
            0 => cluster.job(),
            1 => cluster.deployment("auth"),
            2 => cluster.deployment("user"),
            _ => cluster.deployment("gateway"),
        }
        cluster.assert_everybody_gets_in();
    }
    cluster.settle();
    assert_eq!(cluster.accounts.len(), Cluster::installed().accounts.len());
}

#[test]
fn the_platform_is_ready_all_the_time_and_says_which_step_it_is_at() {
    let mut cluster = Cluster::installed();
    let installed = cluster.status.clone();
    assert_eq!(installed.credentials, None, "nothing to say before the first");
    cluster.ask("first");
    let mut phases = Vec::new();
    let mut events = Vec::new();
    let mut before = installed;
    for _ in 0..40 {
        cluster.now += 1;
        cluster.operator(usize::MAX);
        assert!(cluster.is_true("Ready"), "{:#?}", cluster.status);
        events.extend(
            between(&before, &cluster.status)
                .into_iter()
                .map(|turn| format!("{}: {}", turn.reason, turn.note)),
        );
        before = cluster.status.clone();
        phases.extend(
            before.credentials.as_ref().map(|c| c.phase).filter(|phase| phases.last() != Some(phase)),
        );
        cluster.job();
        for service in ["auth", "user", "gateway"] {
            cluster.deployment(service);
        }
    }
    assert_eq!(
        phases,
        [RotationPhase::Adding, RotationPhase::Rolling, RotationPhase::Dropping, RotationPhase::Settled]
    );
    assert_eq!(
        events,
        [
            "CredentialsRotation: replaces the accounts of auth, user, gateway in the stores",
            "CredentialsRotated: the accounts are replaced, the former ones are refused"
        ]
    );
    let said = cluster.status.credentials.expect("a rotation");
    assert!(said.last_rotation.is_some() && said.since.is_none() && said.services.is_empty());
}

#[test]
fn one_service_that_is_stuck_is_named_and_keeps_open_its_own_account_only() {
    let mut cluster = Cluster::installed();
    cluster.ask("first");
    cluster.ill.insert("user".to_owned());
    cluster.settle();
    assert!(!cluster.is_true("RotationStuck"));
    cluster.now += 301;
    cluster.settle();
    assert!(cluster.is_true("RotationStuck") && cluster.is_true("Ready"), "{:#?}", cluster.status);
    let why = cluster.status.conditions.iter().find(|c| c.type_ == "RotationStuck").expect("a condition");
    assert!(why.message.starts_with("the accounts of user"), "{}", why.message);
    // The gateway waits for user, and auth has gone over: its former account need not stay.
    assert!(!users(&cluster.accounts).contains("auth") && users(&cluster.accounts).contains("user"));
    cluster.ill.clear();
    cluster.settle();
    assert_eq!(users(&cluster.accounts), BTreeSet::from(["auth-2", "gateway-2", "user-2"]));
    assert!(!cluster.is_true("RotationStuck"));
}

#[test]
fn what_is_no_service_is_told() {
    let mut cluster = Cluster::installed();
    cluster.ask("first nobody");
    cluster.settle();
    let said = cluster.status.credentials.and_then(|c| c.message).unwrap_or_default();
    assert!(said.starts_with("nobody can't be rotated"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The operator ends after any write, and the Job and the pods come along when they like.
    #[test]
    fn a_replacement_that_is_interrupted_anywhere_goes_on_and_ends(
        steps in prop::collection::vec((0..6usize, 0..4usize), 0..60),
        rounds in 1..3u32,
    ) {
        let mut cluster = Cluster::installed();
        let before = cluster.accounts.clone();
        for round in 0..rounds {
            cluster.ask(&format!("round {round}").replace(' ', "-"));
            for (who, writes) in &steps {
                match who {
                    0 => cluster.operator(*writes),
                    1 => cluster.job(),
                    2 => cluster.deployment("auth"),
                    3 => cluster.deployment("user"),
                    4 => cluster.deployment("gateway"),
                    _ => cluster.operator(usize::MAX),
                }
                cluster.assert_everybody_gets_in();
            }
            cluster.settle();
        }
        for (service, turn) in cluster.turns() {
            prop_assert_eq!((turn.generation, turn.step), (rounds, None), "{}", service);
        }
        prop_assert!(cluster.accounts.is_disjoint(&before));
        prop_assert_eq!(cluster.accounts.len(), before.len());
    }
}
