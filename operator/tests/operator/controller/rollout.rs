//! Which units may change, in which order.

use catalog::Tier;
use operator::rollout::{Decision, Live, Subject, decide};
use proptest::prelude::*;

fn unit<'a>(name: &'a str, tier: Tier, needs: &[&'a str], live: Live, ready: bool) -> Subject<'a> {
    Subject { name, tier, needs: needs.to_vec(), live, ready, held: false }
}

fn wait(on: &[&str]) -> Decision {
    Decision::Wait(on.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn at_install_a_tier_waits_for_all_of_the_tiers_below_even_what_it_does_not_need() {
    let units = [
        unit("redis", Tier::Data, &[], Live::Current, true),
        unit("rabbitmq", Tier::Data, &[], Live::Current, false),
        unit("cache", Tier::Core, &["redis"], Live::Absent, false),
        unit("auth", Tier::Auth, &["redis"], Live::Absent, false),
    ];
    let decisions = decide(&units, false);
    assert_eq!(decisions, [Decision::Keep, Decision::Keep, wait(&["rabbitmq"]), wait(&["rabbitmq"])]);
}

#[test]
fn within_a_tier_a_unit_waits_for_its_hard_needs() {
    let units = [
        unit("postgres", Tier::Data, &[], Live::Absent, false),
        unit("provision", Tier::Data, &["postgres"], Live::Absent, false),
    ];
    assert_eq!(decide(&units, false), [Decision::Apply, wait(&["postgres"])]);
}

#[test]
fn after_install_an_ill_dependency_touches_nothing_that_runs_as_planned() {
    let units = [
        unit("postgres", Tier::Data, &[], Live::Current, false),
        unit("auth", Tier::Auth, &["postgres"], Live::Current, true),
        unit("user", Tier::Business, &["postgres", "auth"], Live::Current, false),
    ];
    assert_eq!(decide(&units, true), [Decision::Keep, Decision::Keep, Decision::Keep]);
}

#[test]
fn an_edit_waits_for_what_it_needs_and_for_nothing_else() {
    let units = [
        unit("postgres", Tier::Data, &[], Live::Current, false),
        unit("redis", Tier::Data, &[], Live::Current, true),
        unit("cache", Tier::Core, &["redis"], Live::Edited, true),
        unit("auth", Tier::Auth, &["postgres"], Live::Edited, true),
    ];
    let decisions = decide(&units, true);
    assert_eq!(decisions, [Decision::Keep, Decision::Keep, Decision::Apply, wait(&["postgres"])]);
}

/// What a person has to give it may be long in coming.
#[test]
fn an_edit_does_not_wait_for_what_runs_on_and_lacks_a_key_but_a_change_of_version_does() {
    let held = |ready| Subject { held: true, ..unit("user", Tier::Business, &[], Live::Edited, ready) };
    let gateway = |live| unit("gateway", Tier::Gateway, &["user"], live, true);
    assert_eq!(decide(&[held(true), gateway(Live::Edited)], true), [Decision::Apply, Decision::Apply]);
    for waits in [[held(true), gateway(Live::OldVersion)], [held(false), gateway(Live::Edited)]] {
        assert_eq!(decide(&waits, true), [Decision::Apply, wait(&["user"])]);
    }
    let fresh = unit("gateway", Tier::Gateway, &["user"], Live::Absent, false);
    assert_eq!(decide(&[held(true), fresh], false), [Decision::Apply, wait(&["user"])]);
}

#[test]
fn a_change_of_version_goes_tier_by_tier() {
    let units = [
        unit("postgres", Tier::Data, &[], Live::Current, true),
        unit("auth", Tier::Auth, &["postgres"], Live::OldVersion, true),
        unit("notification", Tier::Business, &["postgres"], Live::OldVersion, true),
    ];
    assert_eq!(decide(&units, true), [Decision::Keep, Decision::Apply, wait(&["auth"])]);
}

#[test]
fn a_service_switched_on_later_does_not_wait_for_tiers_that_it_does_not_need() {
    let units = [
        unit("auth", Tier::Auth, &[], Live::Current, false),
        unit("webhooks", Tier::Extended, &[], Live::Absent, false),
    ];
    assert_eq!(decide(&units, true), [Decision::Keep, Decision::Apply]);
}

#[test]
fn the_repair_of_an_ill_unit_is_let_through() {
    let units = [
        unit("postgres", Tier::Data, &[], Live::Edited, false),
        unit("auth", Tier::Auth, &["postgres"], Live::Edited, false),
    ];
    assert_eq!(decide(&units, true), [Decision::Apply, wait(&["postgres"])]);
}

#[test]
fn one_waits_for_the_lowest_tier_that_is_not_there_not_for_what_waits_itself() {
    let units = [
        unit("postgres", Tier::Data, &[], Live::Current, false),
        unit("auth", Tier::Auth, &["postgres"], Live::Absent, false),
        unit("user", Tier::Business, &["postgres", "auth"], Live::Absent, false),
    ];
    assert_eq!(decide(&units, false)[2], wait(&["postgres"]));
}

/// Units with needs that only point to earlier ones of the same tier or a lower one, as in the catalog.
fn platforms() -> impl Strategy<Value = Vec<(Tier, Vec<usize>, Live, bool)>> {
    let live =
        prop_oneof![Just(Live::Absent), Just(Live::Current), Just(Live::Edited), Just(Live::OldVersion)];
    let one = (0..8usize, prop::collection::vec(any::<prop::sample::Index>(), 0..4), live, any::<bool>());
    prop::collection::vec(one, 1..16).prop_map(|mut units| {
        units.sort_by_key(|(tier, ..)| *tier);
        let with_needs = units.into_iter().enumerate().map(|(position, (tier, needs, live, ready))| {
            let needs =
                if position == 0 { vec![] } else { needs.iter().map(|n| n.index(position)).collect() };
            (Tier::ALL[tier], needs, live, ready)
        });
        with_needs.collect()
    })
}

const NAMES: [&str; 16] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];

fn subjects(platform: &[(Tier, Vec<usize>, Live, bool)]) -> Vec<Subject<'static>> {
    let subject = |(position, (tier, needs, live, ready)): (usize, &(Tier, Vec<usize>, Live, bool))| {
        let needs = needs.iter().map(|need| NAMES[*need]).collect();
        Subject {
            name: NAMES[position],
            tier: *tier,
            needs,
            live: *live,
            ready: *ready && *live != Live::Absent,
            held: false,
        }
    };
    platform.iter().enumerate().map(subject).collect()
}

proptest! {
    #[test]
    fn nothing_changes_before_its_hard_needs_have_settled(platform in platforms(), installed: bool) {
        let units = subjects(&platform);
        for (unit, decision) in units.iter().zip(decide(&units, installed)) {
            if decision == Decision::Apply {
                let settled = |name: &&str| units.iter().any(|u| u.name == *name && u.live == Live::Current && u.ready);
                prop_assert!(unit.needs.iter().all(settled));
            }
        }
    }

    #[test]
    fn at_install_nothing_starts_before_every_lower_tier_has_settled(platform in platforms()) {
        let units = subjects(&platform);
        for (unit, decision) in units.iter().zip(decide(&units, false)) {
            let below = |u: &&Subject| u.tier < unit.tier;
            if decision == Decision::Apply && unit.live == Live::Absent {
                prop_assert!(units.iter().filter(below).all(|u| u.live == Live::Current && u.ready));
            }
        }
    }

    #[test]
    fn what_is_as_planned_is_kept(platform in platforms(), installed: bool) {
        let units = subjects(&platform);
        for (unit, decision) in units.iter().zip(decide(&units, installed)) {
            prop_assert_eq!(unit.live == Live::Current, decision == Decision::Keep);
        }
    }

    /// Whatever the start, if what is applied becomes ready then the rollout ends, in no more rounds than units.
    #[test]
    fn a_rollout_ends_when_everything_becomes_ready(platform in platforms(), installed: bool) {
        let mut units = subjects(&platform);
        for _ in 0..=units.len() {
            for (position, decision) in decide(&units, installed).into_iter().enumerate() {
                match decision {
                    Decision::Apply => (units[position].live, units[position].ready) = (Live::Current, true),
                    Decision::Keep => units[position].ready = true,
                    Decision::Wait(on) => prop_assert!(!on.is_empty()),
                }
            }
        }
        prop_assert!(units.iter().all(|u| u.live == Live::Current && u.ready));
    }
}
