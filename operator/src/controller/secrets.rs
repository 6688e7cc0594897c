//! Makes what Secrets hold. A random value is made once and never overwritten; text that is put together from other
//! values (a database's URL) follows them.

use super::accounts;
use super::bind::{SecretData, data_of, mounted};
use super::cache::{Children, Key, label};
use super::error::Error;
use super::kinds::Kind;
use super::writer::Writer;
use crate::plan::{SecretKey, SecretSpec, Unit};
use crate::rotation::{Step, Turn, Wish};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::{Rng, RngExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whether nothing is missing from a Secret and nothing in it is out of date.
pub fn complete(spec: &SecretSpec, turn: &Turn, data: &SecretData) -> bool {
    let changes = || changes(spec, turn, data, &mut no_random);
    data.contains_key(&spec.name) && changes().is_ok_and(|keys| keys.is_empty())
}

/// Whether a Secret that is there is labelled as planned: by its labels it is found, and kept or removed.
pub fn labelled(spec: &SecretSpec, children: &Children) -> bool {
    let live = children.get(&("Secret", spec.name.clone()));
    live.is_none_or(|live| spec.labels.iter().all(|(key, value)| label(live, key) == Some(value)))
}

fn no_random(_: &SecretKey) -> String {
    String::new()
}

/// The keys that are to be written, with their values in base64. `make` gives a value for a key that is made once. An
/// account without a turn stays as long as it is there: only the step that drops it takes it away.
pub fn changes(
    spec: &SecretSpec,
    turn: &Turn,
    data: &SecretData,
    make: &mut dyn FnMut(&SecretKey) -> String,
) -> Result<BTreeMap<String, String>, Error> {
    let mut all = data.get(&spec.name).cloned().unwrap_or_default();
    let mut changed = BTreeMap::new();
    // Templates come second: they are put together from what is made.
    let (templates, made): (Vec<_>, Vec<_>) = spec
        .keys_with(|account| turn.holds(account))
        .partition(|(_, key)| matches!(key, SecretKey::Template(_)));
    for (name, key) in made {
        if !all.contains_key(name) {
            let value = STANDARD.encode(make(key));
            all.insert(name.clone(), value.clone());
            changed.insert(name.clone(), value);
        }
    }
    for (name, key) in templates {
        let SecretKey::Template(template) = key else { continue };
        let value = STANDARD.encode(render(template, &spec.name, &all, data)?);
        if all.get(name) != Some(&value) {
            changed.insert(name.clone(), value);
        }
    }
    Ok(changed)
}

/// Fills in `${key}` of this Secret and `${secret:key}` of another.
fn render(
    template: &str,
    secret: &str,
    own: &BTreeMap<String, String>,
    others: &SecretData,
) -> Result<String, Error> {
    let (mut text, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let (holder, key, found) = match name.split_once(':') {
            Some((other, key)) => (other, key, others.get(other).and_then(|data| data.get(key))),
            None => (secret, name, own.get(name)),
        };
        let value = found.and_then(|v| STANDARD.decode(v).ok()).and_then(|v| String::from_utf8(v).ok());
        let value = value.ok_or_else(|| {
            Error::Input(match (found, others.contains_key(holder) || holder == secret) {
                (Some(_), _) => format!("key {key} of Secret {holder} is not text: write it as UTF-8"),
                (None, true) => format!("Secret {holder} has no key {key}: add it to the Secret"),
                (None, false) => format!("there is no Secret {holder}: make it, with {key}"),
            })
        })?;
        text = text + before + value.trim_end_matches('\n');
        rest = after;
    }
    Ok(text + rest)
}

/// Secrets of others that templates read from, and that pods mount.
pub fn foreign(units: &[Unit]) -> Vec<String> {
    let specs = || units.iter().flat_map(|u| &u.secrets);
    let mut names = Vec::new();
    for (_, key) in specs().flat_map(|s| s.keys.iter().chain(&s.second)) {
        let SecretKey::Template(template) = key else { continue };
        let references = template.split("${").skip(1).filter_map(|part| part.split_once('}'));
        names
            .extend(references.filter_map(|(name, _)| name.split_once(':')).map(|(name, _)| name.to_owned()));
    }
    names.extend(units.iter().flat_map(pods).flat_map(mounted));
    names.sort();
    names.dedup();
    names.retain(|name| !specs().any(|spec| spec.name == *name));
    names
}

fn pods(unit: &Unit) -> impl Iterator<Item = &Value> {
    unit.objects.iter().map(|object| &object["spec"]["template"]["spec"]).filter(|pod| pod.is_object())
}

/// What a unit's pods need of Secrets of others and isn't there, in words for who can put it there. A plan names the
/// keys of those, and of no Secret of the operator's own.
pub fn missing(unit: &Unit, data: &SecretData) -> Option<String> {
    let volumes = pods(unit).flat_map(|pod| pod["volumes"].as_array().into_iter().flatten());
    volumes.filter(|volume| volume["secret"]["items"].is_array()).find_map(|volume| {
        let name = volume["secret"]["secretName"].as_str()?;
        let items = volume["secret"]["items"].as_array().into_iter().flatten();
        let keys: Vec<&str> = items.filter_map(|item| item["key"].as_str()).collect();
        let Some(there) = data.get(name) else {
            return Some(format!("there is no Secret {name}: make it, with {}", keys.join(" and ")));
        };
        let lacks = keys.iter().find(|key| !there.contains_key(**key))?;
        Some(format!("Secret {name} has no key {lacks}: add it to the Secret"))
    })
}

/// Why the unit can't have what it is to run with, before anybody tries: somebody else's Secret is not there, lacks a
/// key, or holds what is not text.
pub fn lacking(unit: &Unit, children: &Children, data: &SecretData) -> Option<String> {
    let unmade = unit.secrets.iter().find_map(|spec| {
        changes(spec, &accounts::of(spec, children), data, &mut no_random)
            .err()
            .map(|error| error.to_string())
    });
    unmade.or_else(|| missing(unit, data))
}

/// A value from the operating system's random numbers.
pub fn random(key: &SecretKey) -> String {
    let mut rng = rand::rng();
    match key {
        SecretKey::Password => (0..24).map(|_| char::from(rng.sample(rand::distr::Alphanumeric))).collect(),
        SecretKey::Key256 => {
            let mut bytes = [0u8; 32];
            rng.fill_bytes(&mut bytes);
            STANDARD.encode(bytes)
        }
        SecretKey::Fixed(text) | SecretKey::Template(text) => text.clone(),
    }
}

/// Brings a unit's Secrets about; `data` then has what they hold. Accounts made now need not be replaced for `wish`.
pub async fn ensure(
    writer: &Writer,
    platform: &Key,
    unit: &Unit,
    children: &Children,
    wish: Option<&Wish>,
    data: &mut SecretData,
) -> Result<(), Error> {
    for spec in &unit.secrets {
        let changed = changes(spec, &accounts::of(spec, children), data, &mut random)?;
        let known = children.get(&("Secret", spec.name.clone())).map(AsRef::as_ref);
        if changed.is_empty() && data.contains_key(&spec.name) && labelled(spec, children) {
            continue;
        }
        let written = match known {
            Some(live) => write(writer, platform, spec, live, json!({}), json!(changed)).await?,
            // Made moments ago, for another unit: the cache doesn't know it yet. This one may want more in it.
            None if data.contains_key(&spec.name) && changed.is_empty() => continue,
            None => create(writer, platform, spec, wish, &changed, data).await?,
        };
        data.insert(spec.name.clone(), data_of(&written));
    }
    Ok(())
}

/// Goes over to another turn: what the Secret holds and what is said about it change as one.
pub async fn turn(
    writer: &Writer,
    platform: &Key,
    spec: &SecretSpec,
    live: &Value,
    turn: &Turn,
    data: &SecretData,
) -> Result<(), Error> {
    let keys = keys_of_turn(spec, turn, data, &mut random)?;
    write(writer, platform, spec, live, accounts::annotation(turn), keys).await.map(drop)
}

/// The keys that change with a turn, as a merge patch has them. Pure.
pub fn keys_of_turn(
    spec: &SecretSpec,
    turn: &Turn,
    data: &SecretData,
    make: &mut dyn FnMut(&SecretKey) -> String,
) -> Result<Value, Error> {
    let mut keys = json!(changes(spec, turn, data, make)?);
    if turn.step == Some(Step::Dropping) {
        let all = spec.keys.iter().chain(&spec.second);
        let held = |key: &str| spec.account_of(key).is_none_or(|account| turn.holds(account));
        for (key, _) in all.filter(|(key, _)| !held(key)) {
            keys[key] = Value::Null;
        }
    }
    Ok(keys)
}

fn kind() -> &'static Kind {
    Kind::named("Secret").expect("the table of kinds has Secrets")
}

async fn create(
    writer: &Writer,
    platform: &Key,
    spec: &SecretSpec,
    wish: Option<&Wish>,
    keys: &BTreeMap<String, String>,
    data: &SecretData,
) -> Result<Value, Error> {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": spec.name, "namespace": platform.namespace, "labels": spec.labels},
        "data": keys,
    });
    if let Some(wish) = wish.filter(|_| spec.rotates()) {
        let turn = Turn { wish: Some(wish.token.clone()), ..Turn::default() };
        object["metadata"]["annotations"] = accounts::annotation(&turn);
    }
    match writer.create(kind(), &platform.namespace, &object).await {
        Err(e) if e.is_conflict() => {
            // It is there without the labels by which the operator finds its own: somebody took them off. What it
            // holds is kept.
            let labels = json!({"metadata": {"labels": spec.labels}});
            let live = writer.merge(kind(), &platform.namespace, &spec.name, &labels).await?;
            let mut data = data.clone();
            data.insert(spec.name.clone(), data_of(&live));
            let missing = changes(spec, &accounts::read(spec, &live), &data, &mut random)?;
            if missing.is_empty() {
                return Ok(live);
            }
            write(writer, platform, spec, &live, json!({}), json!(missing)).await
        }
        other => other,
    }
}

/// Fails on a Secret that has changed since it was read: two writers must not each add another password.
async fn write(
    writer: &Writer,
    platform: &Key,
    spec: &SecretSpec,
    live: &Value,
    annotations: Value,
    keys: Value,
) -> Result<Value, Error> {
    let version = &live["metadata"]["resourceVersion"];
    let metadata = json!({"resourceVersion": version, "labels": spec.labels, "annotations": annotations});
    let patch = json!({"metadata": metadata, "data": keys});
    writer.merge(kind(), &platform.namespace, &spec.name, &patch).await
}
