//! What may not be written together, or not be changed: rules of the spec as a whole, because a store that is left out
//! has no rules of its own.

use crate::api::{backup, common};
use catalog::{Store, StoreEntry};
use serde_json::Value;

/// What concerns a store as it was before, or one kind of store only.
pub(in crate::api) fn of_spec() -> Value {
    let all: Vec<(String, String)> = catalog::STORES.iter().flat_map(rules_of_store).collect();
    let all: Vec<(&str, &str)> =
        all.iter().map(|(rule, message)| (rule.as_str(), message.as_str())).collect();
    common::rules(&[all, vec![backup::RULE_OF_SPEC]].concat())
}

/// Written with `has()` only: of a value that may be left out by `orValue()` the API server doesn't know the length,
/// and takes the worst.
fn rules_of_store(entry: &StoreEntry) -> Vec<(String, String)> {
    let store = entry.name;
    let has = |root: &str, kind: &str, field: &str| {
        format!("(has({root}.{store}) && has({root}.{store}.{kind}) && has({root}.{store}.{kind}.{field}))")
    };
    // What others run has no volume of ours: whether it may be moved is the operator's to say, which sees more.
    let elsewhere = |root: &str| format!("(has({root}.{store}) && !has({root}.{store}.managed))");
    let either_elsewhere = format!("({} || {})", elsewhere("self"), elsewhere("oldSelf"));
    let (class, old_class) =
        (has("self", "managed", "storageClass"), has("oldSelf", "managed", "storageClass"));
    // How large a volume may be is the operator's to say, too: it sees whether a larger size was ever granted.
    let mut all = vec![(
        format!(
            "{either_elsewhere} || ({class} == {old_class} && (!{class} || self.{store}.managed.storageClass == \
                 oldSelf.{store}.managed.storageClass))"
        ),
        format!("{store}.managed.storageClass can't be changed, a volume keeps its class: write what it was"),
    )];
    all.extend(rules_of_modes(entry));
    if entry.extra_ports.is_empty() {
        all.push((
            format!("!{}", has("self", "external", "managementPort")),
            format!("{store}.external.managementPort: only rabbitmq has a management API, leave it out"),
        ));
    }
    all
}

/// Each of the ways to have several instances is for one kind of store.
fn rules_of_modes(entry: &StoreEntry) -> Vec<(String, String)> {
    let store = entry.name;
    let foreign = |mode: &str, of: &str| {
        (
            format!("!has(self.{store}) || !has(self.{store}.{mode})"),
            format!("{store}.{mode}: that is for {of} only; write managed or external"),
        )
    };
    match entry.store {
        Store::Postgres => vec![foreign("clusterOperator", "rabbitmq"), foreign("sentinel", "redis")],
        Store::Redis => vec![
            foreign("cloudNativePg", "postgres"),
            foreign("clusterOperator", "rabbitmq"),
            counted(store, "sentinel", "", " in [3, 5]", "the Sentinels choose by majority, write 3 or 5"),
            kept(store, "sentinel", "the Sentinels"),
        ],
        Store::Rabbitmq => vec![
            foreign("cloudNativePg", "postgres"),
            foreign("sentinel", "redis"),
            counted(
                store,
                "clusterOperator",
                "",
                " % 2 == 1",
                "queues are kept by a majority, write an odd number",
            ),
            kept(store, "clusterOperator", "queues"),
        ],
    }
}

/// `before` and `after` the number of instances make the rule for it.
fn counted(store: &str, mode: &str, before: &str, after: &str, says: &str) -> (String, String) {
    let instances = format!("self.{store}.{mode}.instances");
    (
        format!("!(has(self.{store}) && has(self.{store}.{mode})) || {before}{instances}{after}"),
        format!("{store}.{mode}.instances: {says}"),
    )
}

fn kept(store: &str, mode: &str, whose: &str) -> (String, String) {
    let has = |root: &str| format!("(has({root}.{store}) && has({root}.{store}.{mode}))");
    let instances = |root: &str| format!("{root}.{store}.{mode}.instances");
    let (new, old) = (instances("self"), instances("oldSelf"));
    (
        format!("!{} || !{} || {new} >= {old}", has("self"), has("oldSelf")),
        format!(
            "{store}.{mode}.instances can't be made fewer, {whose} would lose their majority: write at least what it \
             was"
        ),
    )
}
