//! The provision unit: a Job that gives each service its accounts, and the document that it reads.
//!
//! A Job's template can't be changed, so that a Job is named by a hash of all that it does; another hash is another
//! Job, and the controller removes the old one.

use super::hash::hash8;
use super::place::Place;
use super::pod::{self, Defaults, Ids};
use super::scope::{CONFIG_HASH, Scope};
use super::secrets;
use super::{Inputs, Need, PROVISION, Unit, UnitKind, backup, network, pretty};
use catalog::{SERVICES, STORES, Service, Store, Tier, object_name};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use storekeeper::document::{
    Document, PostgresAccount, PostgresWork, RabbitmqAccount, RabbitmqWork, RedisAccount, RedisWork, Server,
    VIRTUAL_HOST,
};

const DEFAULTS: Defaults = Defaults { cpu: "50m", memory: "32Mi", memory_limit: "128Mi" };
const CONFIG: &str = "/etc/orion/provision";
const SECRETS: &str = "/run/orion/provision";

pub(super) fn unit(inputs: &Inputs) -> Unit {
    let document = document(inputs);
    if document.is_empty() {
        return Unit::absent(PROVISION, UnitKind::Provision, Tier::Data);
    }
    let scope = Scope::new(inputs, PROVISION, Tier::Data);
    let config = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": scope.metadata(&scope.name()),
        "data": {"provision.json": pretty(&document)},
    });
    let job = job(&scope, &document);
    Unit {
        name: PROVISION.to_owned(),
        kind: UnitKind::Provision,
        tier: Tier::Data,
        needs: STORES.iter().map(|store| Need { on: store.name.to_owned(), hard: true }).collect(),
        enabled: true,
        objects: [pod::service_account(&scope), config]
            .into_iter()
            .chain(network::of(&scope))
            .chain([job])
            .collect(),
        secrets: served(inputs)
            .filter_map(|service| secrets::accounts(inputs, service))
            .chain(backup::reader(inputs))
            .collect(),
    }
}

/// A Job's name once it is known what it is about to use: `late` stands for the Secrets and volumes of the stores
/// as they are, so that a new password or a fresh volume makes a new Job. The plan's own name has no `late` part.
pub fn job_name(platform: &str, unit: &str, config_hash: &str, late: &str) -> String {
    let hash = if late.is_empty() { config_hash.to_owned() } else { hash8(&[config_hash, late]) };
    format!("{}-{hash}", object_name(platform, unit))
}

fn job(scope: &Scope, document: &Document) -> Value {
    let mut pod = pod::pod(scope, Ids::same(65532), 5);
    let resources = pod::resources(DEFAULTS, None);
    let mut container = pod::container(scope, PROVISION, scope.inputs.storekeeper_image, resources);
    container["args"] = json!(["provision", "--config", format!("{CONFIG}/provision.json")]);
    let mut mounts = vec![json!({"name": "config", "mountPath": CONFIG, "readOnly": true})];
    let mut volumes = vec![json!({"name": "config", "configMap": {"name": scope.name()}})];
    for (index, (secret, keys)) in mounted(scope.inputs).iter().enumerate() {
        let name = format!("secret-{index}");
        mounts.push(json!({"name": name, "mountPath": format!("{SECRETS}/{secret}"), "readOnly": true}));
        volumes.push(match keys.is_empty() {
            true => pod::secret_volume(&name, secret),
            false => pod::secret_keys_volume(&name, secret, keys.iter().map(|key| (&**key, &**key))),
        });
    }
    container["volumeMounts"] = mounts.into();
    pod["containers"] = json!([container]);
    pod["volumes"] = volumes.into();
    // A container that fails is started again in the same pod, which keeps what it said last in sight.
    pod["restartPolicy"] = "OnFailure".into();
    until_done(scope, &hash8(&(document, &pod)), pod, json!({}))
}

/// A Job that tries until its work is done: what it needs may be put right at any time, so that it never gives up by
/// itself. `hash` stands for all that it does, `annotations` are its pods' beside that.
pub(super) fn until_done(scope: &Scope, hash: &str, pod: Value, mut annotations: Value) -> Value {
    let mut metadata = scope.metadata(&job_name(scope.platform(), scope.unit, hash, ""));
    metadata["annotations"] = json!({CONFIG_HASH: hash});
    annotations[CONFIG_HASH] = hash.into();
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 1_000_000,
            "template": {"metadata": {"labels": scope.labels(), "annotations": annotations}, "spec": pod},
        },
    })
}

/// The services that run.
fn served<'a>(inputs: &'a Inputs<'a>) -> impl Iterator<Item = &'static Service> + Clone + 'a {
    SERVICES.iter().filter(|service| inputs.platform.spec.enabled(service.name))
}

/// Where a store is, if the accounts in it are the operator's to make.
fn place(inputs: &Inputs, store: Store) -> Option<Place> {
    let platform = inputs.platform.metadata.name.as_deref().unwrap_or_default();
    Some(Place::of(&inputs.platform.spec, platform, store)).filter(|place| place.given.is_none())
}

/// Every Secret that the document names, with the keys that are needed of those that aren't the operator's own.
fn mounted(inputs: &Inputs) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for place in STORES.iter().filter_map(|s| place(inputs, s.store)) {
        let keys = all.entry(place.admin_secret).or_default();
        if !place.managed {
            keys.extend(["username", "password"].map(str::to_owned));
        }
        if let Some((secret, key)) = place.ca.filter(|_| place.tls) {
            all.entry(secret).or_default().insert(key);
        }
    }
    let credentials = served(inputs).filter(|s| s.stores().any(|store| place(inputs, store).is_some()));
    let credentials = credentials.filter_map(|s| secrets::credentials(inputs, s)).map(|secret| secret.name);
    let reader = backup::reader(inputs).map(|secret| secret.name);
    all.extend(credentials.chain(reader).map(|name| (name, BTreeSet::new())));
    all
}

/// What is to be made, in the stores that are the operator's to provision.
fn document(inputs: &Inputs) -> Document {
    let folder = |service: &Service| {
        let scope = Scope::new(inputs, service.name, service.tier);
        PathBuf::from(SECRETS).join(scope.name_of(secrets::CREDENTIALS_SUFFIX))
    };
    let services = served(inputs);
    let scope = Scope::new(inputs, PROVISION, Tier::Data);
    let reader = |store: Store| {
        let secret = backup::reader(inputs).filter(|_| backup::managed(inputs).any(|s| s == store))?;
        Some(PathBuf::from(SECRETS).join(secret.name).join(format!("{}-password", store.name())))
    };
    Document {
        platform: format!("{}/{}", scope.namespace(), scope.platform()),
        postgres: place(inputs, Store::Postgres).map(|place| PostgresWork {
            server: server(&place),
            accounts: services.clone().filter_map(|s| PostgresAccount::of(s, &folder(s))).collect(),
            reader_password_file: reader(Store::Postgres),
        }),
        redis: place(inputs, Store::Redis).map(|place| RedisWork {
            server: server(&place),
            accounts: services.clone().filter_map(|s| RedisAccount::of(s, &folder(s))).collect(),
            reader_password_file: reader(Store::Redis),
        }),
        rabbitmq: place(inputs, Store::Rabbitmq).map(|place| {
            let (exchanges, queues) = RabbitmqWork::topology(services.clone());
            RabbitmqWork {
                server: server(&place),
                management_port: place.management_port,
                virtual_host: VIRTUAL_HOST.to_owned(),
                exchanges,
                queues,
                accounts: services.clone().filter_map(|s| RabbitmqAccount::of(s, &folder(s))).collect(),
            }
        }),
    }
}

fn server(place: &Place) -> Server {
    let admin = Path::new(SECRETS).join(&place.admin_secret);
    let ca = place.ca.as_ref().filter(|_| place.tls);
    Server {
        host: place.host.clone(),
        others: place.others.clone(),
        port: place.port,
        own: place.managed,
        tls: place.tls,
        ca_file: ca.map(|(secret, key)| Path::new(SECRETS).join(secret).join(key)),
        admin_username_file: admin.join("username"),
        admin_password_file: admin.join("password"),
    }
}
