//! What the schema can't say: specs that the API server takes and the operator refuses.

use operator::api::examples::{GOOD, INVALID, platform};
use operator::validate::validate;

#[test]
fn every_good_example_is_valid() {
    for example in GOOD {
        assert_eq!(validate(&platform("default", "orion", example.spec)), Ok(()), "{}", example.what);
    }
}

#[test]
fn what_cannot_run_is_refused_with_the_field_and_what_to_write() {
    for example in INVALID {
        let found = validate(&platform("default", "orion", example.spec)).expect_err(example.what);
        let text = found.iter().map(|i| i.to_string()).collect::<Vec<_>>().join("\n");
        assert!(found.iter().any(|i| i.field == example.field), "{}: {text}", example.what);
        assert!(text.contains(example.says), "{}: {text}", example.what);
    }
}

#[test]
fn all_reasons_are_given_at_once() {
    let spec = "{version: 999.0.0, services: [{name: auth, enabled: false}, {name: user, enabled: false}]}";
    let found = validate(&platform("default", "orion", spec)).expect_err("two wrongs and a half");
    let fields: Vec<&str> = found.iter().map(|i| i.field.as_str()).collect();
    assert_eq!(fields, ["spec.services[auth].enabled", "spec.services[user].enabled", "spec.version"]);
}

#[test]
fn the_operators_own_version_and_older_ones_are_valid() {
    for version in [operator::VERSION, "0.0.1", "0.1.0-rc.1"] {
        let spec = format!("{{version: {version}}}");
        assert_eq!(validate(&platform("default", "orion", &spec)), Ok(()), "{version}");
    }
}
