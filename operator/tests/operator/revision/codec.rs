use super::super::any_platform::any_platform;
use super::rendered;
use operator::plan::{Inputs, hash8, plan};
use operator::revision::{Damaged, Revision, data_of, decode};
use proptest::prelude::*;
use serde_json::json;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_revision_comes_out_as_it_went_in(platform in any_platform()) {
        let inputs = Inputs { platform: &platform, storekeeper_image: "operator:1", operator_namespace: "orion-system", operator_version: "0.1.0" };
        let revision = Revision {
            version: "0.1.0".into(),
            operator: "0.1.0".into(),
            floor: "0.0.0".into(),
            spec: platform.spec.clone(),
            plan: plan(&inputs),
        };
        let back = decode(&data_of(&revision).expect("it fits")).expect("it can be read");
        prop_assert_eq!(back.hash(), revision.hash());
        prop_assert_eq!(back, revision);
    }
}

#[test]
fn a_later_format_is_refused_and_damage_is_named() {
    let good = data_of(&rendered("{}", "0.1.0")).expect("it fits");
    let mut later = good.clone();
    later["format"] = json!(2);
    assert!(matches!(decode(&later), Err(Damaged::Format(2))));
    for gz in [json!(null), json!("!"), json!("AAAA"), json!(good["gz"].as_str().map(|gz| &gz[..40]))] {
        let mut damaged = good.clone();
        damaged["gz"] = gz;
        assert!(matches!(decode(&damaged), Err(Damaged::Unreadable(_))), "{damaged}");
    }
}

#[test]
fn what_does_not_fit_into_an_object_is_refused_before_it_is_sent() {
    let mut revision = rendered("{}", "0.1.0");
    // Text that does not compress.
    let noise: String =
        (0..50_000).map(|i: u32| hash8(&i) + &hash8(&(i, i)) + &hash8(&(0, i)) + &hash8(&(i, 0))).collect();
    revision.plan.units[0].objects.push(json!({"kind": "ConfigMap", "data": {"noise": noise}}));
    assert!(matches!(data_of(&revision), Err(Damaged::TooBig(bytes)) if bytes > 900 * 1024));
}

#[test]
fn a_revision_names_secrets_and_holds_none() {
    let text = serde_json::to_string(&rendered("{}", "0.1.0")).expect("JSON");
    assert!(text.contains("orion-auth-credentials") && !text.contains("\"data\":{\"password\""));
}
