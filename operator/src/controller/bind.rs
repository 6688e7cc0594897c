//! What a plan leaves open is filled in here, at apply: the hash of the Secrets a pod mounts and which of a service's
//! accounts it uses, the provision Job's name, the version a workload runs, and what a volume claim can't go back on.
//! Pure.

use super::accounts::Turns;
use super::cache::Children;
use super::observe::find;
use super::volumes;
use crate::plan::{
    CONFIG_HASH, DATA_BACKUP, DATA_LABEL, INSTANCE_LABEL, KEYS, KEYS_OF, NAME_LABEL, RESTORED, SECRET_HASH,
    Unit, hash8, provision,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Data of Secrets by name, base64 as the API has it.
pub type SecretData = BTreeMap<String, BTreeMap<String, String>>;

/// Says on a workload which version of the platform it runs; the rollout's barrier goes by it.
pub const VERSION: &str = "orion.dev/version";

/// The unit's objects as they are to be in the cluster.
pub fn objects(unit: &Unit, version: &str, secrets: &SecretData, live: &Children) -> Vec<Value> {
    let turns = Turns::of(unit, live);
    unit.objects.iter().map(|object| bound(unit, object, version, secrets, &turns, live)).collect()
}

fn bound(
    unit: &Unit,
    object: &Value,
    version: &str,
    secrets: &SecretData,
    turns: &Turns,
    live: &Children,
) -> Value {
    let mut object = object.clone();
    match object["kind"].as_str() {
        Some("Deployment") => {
            stamp(&mut object, version);
            hash_secrets(&mut object, secrets, turns);
            turns.point(&mut object["spec"]["template"]);
            keep_restored(&mut object, live);
        }
        Some("StatefulSet") => hash_secrets(&mut object, secrets, turns),
        Some("Job") => {
            tell_keys(&mut object["spec"]["template"], secrets);
            rename(&mut object, unit, secrets, live);
            turns.expect(&mut object["spec"]["template"], secrets);
        }
        Some("CronJob") => tell_keys(&mut object["spec"]["jobTemplate"]["spec"]["template"], secrets),
        Some("PersistentVolumeClaim" | "Cluster" | "RabbitmqCluster") => {
            let there = find(live, &object);
            volumes::bind(&mut object, there);
        }
        _ => {}
    }
    object
}

fn stamp(object: &mut Value, version: &str) {
    object["metadata"]["annotations"][VERSION] = Value::from(version);
}

/// A changed password must reach the pods that read it at their start.
fn hash_secrets(object: &mut Value, secrets: &SecretData, turns: &Turns) {
    let template = &mut object["spec"]["template"];
    let mounted = mounted(&template["spec"]);
    if mounted.is_empty() {
        return;
    }
    let used = |name: &String| secrets.get(name).map(|data| turns.in_use(name, data));
    let used: Vec<_> = mounted.iter().map(|name| (name, used(name))).collect();
    template["metadata"]["annotations"][SECRET_HASH] = Value::from(hash8(&used));
}

/// What was restored stays noted when nobody asks for it any more: nothing is restarted for taking a wish back.
fn keep_restored(object: &mut Value, live: &Children) {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let annotations =
        |object: &Value| object["spec"]["template"]["metadata"]["annotations"][RESTORED].clone();
    if let Some(there) = live.get(&("Deployment", name)).map(|live| annotations(live))
        && annotations(object).is_null()
        && !there.is_null()
    {
        object["spec"]["template"]["metadata"]["annotations"][RESTORED] = there;
    }
}

/// Tells the keys in the Secrets that a template names from any others, and nothing about them. Empty where one is not
/// there yet.
fn tell_keys(template: &mut Value, secrets: &SecretData) {
    let annotations = &mut template["metadata"]["annotations"];
    let Some(names) = annotations[KEYS_OF].as_str() else { return };
    let data: Vec<_> = names.split(',').map(|name| secrets.get(name)).collect();
    let told = if data.iter().all(Option::is_some) { hash8(&data) } else { String::new() };
    annotations[KEYS] = Value::from(told);
}

/// The names of all Secrets that a pod mounts or reads variables from.
pub fn mounted(pod: &Value) -> BTreeSet<String> {
    let items = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let mut names = BTreeSet::new();
    for volume in items(&pod["volumes"]) {
        names.extend(volume["secret"]["secretName"].as_str().map(str::to_owned));
        for source in items(&volume["projected"]["sources"]) {
            names.extend(source["secret"]["name"].as_str().map(str::to_owned));
        }
    }
    for container in ["containers", "initContainers"].iter().flat_map(|list| items(&pod[*list])) {
        for variable in items(&container["env"]) {
            names.extend(variable["valueFrom"]["secretKeyRef"]["name"].as_str().map(str::to_owned));
        }
        for source in items(&container["envFrom"]) {
            names.extend(source["secretRef"]["name"].as_str().map(str::to_owned));
        }
    }
    names
}

/// A Job can't be changed, so whatever it must run again for is in its name: what it is to provision (in the plan's
/// own name for it), with which passwords, on which volumes. A store that lost its volume has lost its accounts.
fn rename(object: &mut Value, unit: &Unit, secrets: &SecretData, live: &Children) {
    let claims =
        live.iter().filter(|((kind, _), _)| *kind == "PersistentVolumeClaim").map(|(_, claim)| claim);
    let of_stores = claims.filter(|claim| claim["metadata"]["labels"][DATA_LABEL] != DATA_BACKUP);
    let volumes: Vec<&Value> = of_stores.map(|claim| &claim["metadata"]["uid"]).collect();
    let template = &object["spec"]["template"];
    let mounted = mounted(&template["spec"]);
    let passwords = hash8(&mounted.iter().map(|name| (name, used(unit, name, secrets))).collect::<Vec<_>>());
    let keys = template["metadata"]["annotations"][KEYS].as_str().map(str::to_owned);
    let late = match &keys {
        Some(keys) => hash8(&(passwords, volumes, keys)),
        None => hash8(&(passwords, volumes)),
    };
    let metadata = &mut object["metadata"];
    let platform = metadata["labels"][INSTANCE_LABEL].as_str().unwrap_or_default();
    let unit = metadata["labels"][NAME_LABEL].as_str().unwrap_or_default();
    let planned = metadata["annotations"][CONFIG_HASH].as_str().unwrap_or_default();
    metadata["name"] = Value::from(provision::job_name(platform, unit, planned, &late));
}

/// What a Job uses of a Secret: of its own unit's all that the unit has to do with. A service may have more in there.
fn used(unit: &Unit, name: &str, secrets: &SecretData) -> Option<BTreeMap<String, String>> {
    let mut data = secrets.get(name)?.clone();
    if let Some(spec) = unit.secrets.iter().find(|spec| spec.name == name) {
        data.retain(|key, _| spec.keys.iter().chain(&spec.second).any(|(known, _)| known == key));
    }
    Some(data)
}

/// The data of the Secrets in the cache.
pub fn secret_data(live: &Children) -> SecretData {
    let secrets = live.iter().filter(|((kind, _), _)| *kind == "Secret");
    secrets.map(|((_, name), secret)| (name.clone(), data_of(secret))).collect()
}

pub fn data_of(secret: &Value) -> BTreeMap<String, String> {
    let data = secret["data"].as_object().into_iter().flatten();
    data.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
