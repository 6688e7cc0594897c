//! Which revision is to run.

use super::rendered;
use operator::api::{OnFailure, Updates};
use operator::revision::{Asked, Choice, Held, Revision, Situation, choose};
use std::sync::Arc;

struct Case {
    fresh: Arc<Revision>,
    current: Option<Arc<Revision>>,
    last_good: Option<Arc<Revision>>,
    updates: Updates,
    on_failure: OnFailure,
    approved: Option<String>,
    failed: bool,
}

const EDIT: &str = "{services: [{name: user, replicas: 2}]}";

fn revision(spec: &str, operator: &str) -> Arc<Revision> {
    Arc::new(rendered(spec, operator))
}

/// What ran well before, and the spec of now, each as an operator made it.
fn case(before: Arc<Revision>, fresh: Arc<Revision>) -> Case {
    Case {
        fresh,
        current: Some(before.clone()),
        last_good: Some(before),
        updates: Updates::Automatic,
        on_failure: OnFailure::Hold,
        approved: None,
        failed: false,
    }
}

impl Case {
    fn choose(&self, asked: Asked) -> Choice {
        let operator = self.fresh.operator.clone();
        let render = |revision: &Revision| {
            let spec = serde_json::to_string(&revision.spec).expect("JSON is YAML");
            rendered(&spec, &operator)
        };
        choose(&Situation {
            fresh: &self.fresh,
            current: self.current.as_ref(),
            last_good: self.last_good.as_ref(),
            asked,
            updates: self.updates,
            on_failure: self.on_failure,
            approved: self.approved.as_deref(),
            failed: self.failed,
            render: &render,
        })
    }

    fn chosen(&self) -> Choice {
        self.choose(Asked::Nothing)
    }
}

#[test]
fn the_first_revision_is_the_spec() {
    let mut case = case(revision("{}", "0.1.0"), revision("{}", "0.1.0"));
    (case.current, case.last_good, case.updates) = (None, None, Updates::Manual);
    assert_eq!(case.chosen(), Choice { revision: case.fresh.clone(), held: None, available: None });
}

#[test]
fn a_newer_operator_updates_by_itself_unless_updates_are_manual() {
    let mut case = case(revision("{}", "0.0.9"), revision("{}", "0.1.0"));
    assert_eq!(case.chosen().revision, case.fresh);
    case.updates = Updates::Manual;
    let held = case.chosen();
    assert_eq!(Some(&held.revision), case.current.as_ref());
    assert_eq!((held.held, held.available), (None, Some(case.fresh.hash())));
}

#[test]
fn an_update_that_is_approved_by_revision_or_by_version_goes_ahead() {
    let mut case = case(revision("{}", "0.0.9"), revision("{}", "0.1.0"));
    case.updates = Updates::Manual;
    for (approved, goes) in
        [(case.fresh.hash(), true), ("0.1.0".to_owned(), true), ("0.0.9".to_owned(), false)]
    {
        case.approved = Some(approved);
        assert_eq!(case.chosen().revision == case.fresh, goes);
    }
}

#[test]
fn an_edit_under_manual_updates_keeps_what_the_older_operator_made() {
    let mut case = case(revision("{}", "0.0.9"), revision(EDIT, "0.1.0"));
    case.updates = Updates::Manual;
    let choice = case.chosen();
    assert_eq!((choice.revision.version.as_str(), choice.revision.operator.as_str()), ("0.0.9", "0.0.9"));
    assert_eq!(choice.revision.plan, rendered(EDIT, "0.0.9").plan.clone());
    assert_eq!((choice.held, choice.available), (None, Some(case.fresh.hash())));
    // And it stays so once it is the current one.
    let revision = choice.revision;
    case.current = Some(revision.clone());
    assert_eq!(case.chosen().revision, revision);
}

#[test]
fn an_edit_by_the_same_operator_needs_no_approval() {
    let mut case = case(revision("{}", "0.1.0"), revision(EDIT, "0.1.0"));
    case.updates = Updates::Manual;
    assert_eq!(case.chosen(), Choice { revision: case.fresh.clone(), held: None, available: None });
}

#[test]
fn a_failed_rollout_is_rolled_back_only_where_that_is_wanted_and_something_ran_well_before() {
    let mut case = case(revision("{}", "0.1.0"), revision(EDIT, "0.1.0"));
    case.failed = true;
    assert_eq!(case.chosen().revision, case.fresh, "Hold");
    case.on_failure = OnFailure::Rollback;
    let back = case.chosen();
    assert_eq!((Some(&back.revision), back.held), (case.last_good.as_ref(), Some(Held::RolledBack)));
    case.current = case.last_good.clone();
    assert_eq!(case.chosen().held, Some(Held::RolledBack), "no loop: it stays back");
    case.last_good = None;
    assert_eq!(case.chosen().held, None, "a first install has nothing to go back to: it holds");
}

#[test]
fn schemas_that_old_services_do_not_run_on_refuse_the_way_back() {
    let mut newer = rendered(EDIT, "0.3.0");
    newer.floor = "0.2.0".to_owned();
    let mut case = case(revision("{}", "0.1.0"), Arc::new(newer));
    (case.failed, case.on_failure) = (true, OnFailure::Rollback);
    let choice = case.chosen();
    assert_eq!(choice.revision, case.fresh);
    assert!(
        matches!(choice.held, Some(Held::Refused(text)) if text.contains("0.2.0 and later")),
        "names the floor"
    );
}

#[test]
fn a_person_may_go_back_to_any_revision_that_is_stored() {
    let case = case(revision(EDIT, "0.1.0"), revision(EDIT, "0.1.0"));
    let old = revision("{}", "0.1.0");
    let choice = case.choose(Asked::To(&old));
    assert_eq!((choice.revision, choice.held), (old, Some(Held::AsAsked)));
    let unknown = case.choose(Asked::Unknown("beef"));
    assert_eq!(unknown.revision, case.fresh);
    assert!(matches!(unknown.held, Some(Held::Refused(text)) if text.contains("beef")));
}
