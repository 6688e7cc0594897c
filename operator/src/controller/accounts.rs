//! What a turn of accounts means for objects: which keys of the Secret pods read, and which the provision Job. Pure.
//!
//! Both mount single keys, not the Secret as a whole. A node may have an older copy of a Secret than the operator has
//! just written: with a key that is not in it yet a pod waits until the node has caught up, instead of starting with an
//! account that is about to be refused.

use super::bind::SecretData;
use super::cache::Children;
use crate::plan::{Account, SecretKey, SecretSpec, Unit};
use crate::rotation::{GENERATION, TURN, Turn};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where the accounts in a Secret stand.
pub fn of(spec: &SecretSpec, children: &Children) -> Turn {
    let secret = children.get(&("Secret", spec.name.clone()));
    secret.map_or_else(Turn::default, |secret| read(spec, secret))
}

/// Without the annotation, which somebody may have taken off, what is there tells whose turn it is.
pub fn read(spec: &SecretSpec, secret: &Value) -> Turn {
    if !spec.rotates() {
        return Turn::default();
    }
    let said = secret["metadata"]["annotations"][TURN].as_str();
    if let Some(turn) = said.and_then(|text| serde_json::from_str(text).ok()) {
        return turn;
    }
    let has = |keys: &[(String, SecretKey)]| {
        keys.iter().any(|(key, _)| spec.account_of(key).is_some() && !secret["data"][key].is_null())
    };
    Turn { generation: u32::from(has(&spec.second) && !has(&spec.keys)), ..Turn::default() }
}

/// The annotation that says so.
pub fn annotation(turn: &Turn) -> Value {
    json!({TURN: serde_json::to_string(turn).expect("a turn is plain data")})
}

/// The generation that a pod, or a pod template, has.
pub fn generation(object: &Value) -> u32 {
    let said = object["metadata"]["annotations"][GENERATION].as_str();
    said.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Whether a Secret holds both accounts.
pub fn both(spec: &SecretSpec, data: &SecretData) -> bool {
    let Some(data) = data.get(&spec.name) else { return false };
    let has = |keys: &[(String, SecretKey)]| {
        keys.iter().any(|(key, _)| spec.account_of(key).is_some() && data.contains_key(key))
    };
    has(&spec.keys) && has(&spec.second)
}

/// The accounts of one unit, each with its turn.
pub struct Turns<'a>(Vec<(&'a SecretSpec, Turn)>);

impl<'a> Turns<'a> {
    pub fn of(unit: &'a Unit, children: &Children) -> Self {
        let rotating = unit.secrets.iter().filter(|spec| spec.rotates());
        Self(rotating.map(|spec| (spec, of(spec, children))).collect())
    }

    fn named(&self, secret: &str) -> Option<&(&'a SecretSpec, Turn)> {
        self.0.iter().find(|(spec, _)| spec.name == secret)
    }

    /// What of a Secret the pods depend on: an account that is added or dropped beside theirs is none of their business.
    pub fn in_use(&self, secret: &str, data: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut data = data.clone();
        if let Some((spec, turn)) = self.named(secret) {
            data.retain(|key, _| spec.account_of(key).is_none_or(|account| account == turn.current()));
        }
        data
    }

    /// Has a service's pods read the account whose turn it is, under the names that they know. Pods of the first
    /// generation mount the Secret as a whole, as they did before there were turns.
    pub fn point(&self, template: &mut Value) {
        let Some((spec, turn)) = self.0.first().filter(|(_, turn)| turn.generation > 0) else { return };
        template["metadata"]["annotations"][GENERATION] = Value::from(turn.generation.to_string());
        let keys = spec.keys_with(|account| account == turn.current());
        let urls = keys.filter(|(_, key)| matches!(key, SecretKey::Template(_)));
        let items: Vec<Value> = urls.map(|(key, _)| json!({"key": key, "path": path(spec, key)})).collect();
        each_volume(template, |name, volume| {
            if name == spec.name {
                volume["items"] = items.clone().into();
            }
        });
    }

    /// Has the provision Job find the passwords that its Secrets hold, and no others.
    pub fn expect(&self, template: &mut Value, data: &SecretData) {
        each_volume(template, |name, volume| {
            let Some((spec, _)) = self.named(name) else { return };
            let held = data.get(name);
            let passwords = spec.keys.iter().chain(&spec.second).filter(|(key, kind)| {
                *kind == SecretKey::Password && held.is_some_and(|data| data.contains_key(key))
            });
            let items: Vec<Value> = passwords.map(|(key, _)| json!({"key": key, "path": key})).collect();
            if !items.is_empty() {
                volume["items"] = items.into();
            }
        });
    }
}

/// The name under which a service knows a key of either account.
fn path<'a>(spec: &SecretSpec, key: &'a str) -> &'a str {
    match spec.account_of(key) {
        Some(Account::Second) => key.strip_suffix("-2").unwrap_or(key),
        _ => key,
    }
}

/// Every volume of a pod template that is a Secret.
fn each_volume(template: &mut Value, mut change: impl FnMut(&str, &mut Value)) {
    for volume in template["spec"]["volumes"].as_array_mut().into_iter().flatten() {
        let Some(secret) = volume.get_mut("secret") else { continue };
        if let Some(name) = secret["secretName"].as_str().map(str::to_owned) {
            change(&name, secret);
        }
    }
}

/// Whether an account of the unit is being replaced.
pub fn under_way(unit: &Unit, children: &Children) -> bool {
    Turns::of(unit, children).0.iter().any(|(_, turn)| turn.step.is_some())
}
