//! The backup unit: a CronJob whose pods dump the managed stores, and the document that they read. Each dump runs in its
//! store's own image, with an account that can only read; what is dumped goes straight to where it is kept.

use super::place::Place;
use super::pod::{self, Defaults, Ids};
use super::scope::{
    DATA_BACKUP, DATA_LABEL, INSTANCE_LABEL, KEYS_OF, MANAGED_BY_LABEL, MANAGER, NAME_LABEL, Scope,
};
use super::secrets::{self, SecretKey, SecretSpec};
use super::{BACKUP, Inputs, Need, PROVISION, Unit, UnitKind, network, stores};
use crate::api::{BackupBucket, BackupLocation, BackupSpec};
use catalog::{SERVICES, SecretValue, Store, Tier, object_name};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use storekeeper::backup::document::{BackupWork, Location, Retention, S3, Source};

pub(super) const DEFAULTS: Defaults = Defaults { cpu: "50m", memory: "64Mi", memory_limit: "256Mi" };
/// Longer than any backup may take; what is incomplete and older is left over. Twelve hours.
const DEADLINE: u64 = storekeeper::backup::retention::ABANDONED.as_secs();

pub(super) const CONFIG: &str = "/etc/orion/backup";
/// Where the steps hand on what they know, and this program to the stores' images.
pub(super) const WORK: &str = "/work";
pub(super) const VOLUME: &str = "/backups";
const BUCKET: &str = "/run/orion/bucket";
const BUCKET_CA: &str = "/run/orion/bucket-ca";
const READER: &str = "/run/orion/reader";

pub(super) fn unit(inputs: &Inputs) -> Unit {
    let scope = Scope::new(inputs, BACKUP, Tier::Data);
    let Some(spec) = wanted(inputs) else {
        return Unit::absent(BACKUP, UnitKind::Provision, Tier::Data);
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": scope.metadata(&scope.name()),
        "data": {"backup.json": super::pretty(&work(&scope, spec))},
    });
    let mut objects = vec![pod::service_account(&scope), config];
    objects.extend(network::of(&scope));
    objects.extend(claim(&scope, &spec.to));
    objects.push(cron_job(&scope, spec));
    Unit {
        name: BACKUP.to_owned(),
        kind: UnitKind::Provision,
        tier: Tier::Data,
        needs: vec![Need { on: PROVISION.to_owned(), hard: true }],
        enabled: true,
        objects,
        secrets: reader(inputs).into_iter().collect(),
    }
}

/// What is asked for, where there is anything to back up.
pub(super) fn wanted<'a>(inputs: &'a Inputs<'a>) -> Option<&'a BackupSpec> {
    inputs.platform.spec.backup.as_ref().filter(|_| managed(inputs).next().is_some())
}

/// The stores that are backed up: what another operator runs has that one's backups, and what is in RabbitMQ is on its
/// way from one database to another.
pub(super) fn managed<'a>(inputs: &'a Inputs<'a>) -> impl Iterator<Item = Store> + 'a {
    let spec = &inputs.platform.spec;
    [Store::Postgres, Store::Redis]
        .into_iter()
        .filter(|store| spec.store(*store).is_none_or(|s| s.mode().is_own()))
}

/// The account that reads everything, where there are backups.
pub(super) fn reader(inputs: &Inputs) -> Option<SecretSpec> {
    let scope = Scope::new(inputs, BACKUP, Tier::Data);
    scope.spec().backup.as_ref()?;
    let keys: Vec<_> =
        managed(inputs).map(|store| (format!("{}-password", store.name()), SecretKey::Password)).collect();
    (!keys.is_empty()).then(|| SecretSpec {
        name: scope.name_of(secrets::CREDENTIALS_SUFFIX),
        unit: BACKUP.to_owned(),
        labels: scope.labels(),
        keys,
        second: Vec::new(),
    })
}

fn work(scope: &Scope, spec: &BackupSpec) -> BackupWork {
    let source = |store: Store| {
        managed(scope.inputs).find(|s| *s == store)?;
        let place = Place::of(scope.spec(), scope.platform(), store);
        let password_file = Path::new(READER).join(format!("{}-password", store.name()));
        Some(Source { host: place.host, others: place.others, port: place.port, password_file })
    };
    BackupWork {
        platform: format!("{}/{}", scope.namespace(), scope.platform()),
        to: location(scope, &spec.to),
        retention: Retention {
            keep_last: usize::try_from(spec.retention.keep_last).ok(),
            max_age_seconds: spec.retention.max_age_seconds(),
        },
        postgres: source(Store::Postgres),
        redis: source(Store::Redis),
    }
}

pub(super) fn location(scope: &Scope, location: &BackupLocation) -> Location {
    let own = || format!("{}/{}", scope.namespace(), scope.platform());
    let s3 = |bucket: &BackupBucket| S3 {
        endpoint: bucket.endpoint.clone(),
        bucket: bucket.bucket.clone(),
        region: bucket.region.clone(),
        path_style: bucket.path_style,
        access_key_id_file: Path::new(BUCKET).join("access-key-id"),
        secret_access_key_file: Path::new(BUCKET).join("secret-access-key"),
        ca_file: bucket.ca_secret_ref.as_ref().map(|_| Path::new(BUCKET_CA).join("ca.crt")),
    };
    Location {
        prefix: location.prefix.clone().unwrap_or_else(own),
        volume: location.volume.as_ref().map(|_| PathBuf::from(VOLUME)),
        s3: location.s3.as_ref().map(s3),
    }
}

/// The name of the claim that backups are on.
fn claim_name(scope: &Scope, location: &BackupLocation) -> Option<String> {
    let volume = location.volume.as_ref()?;
    Some(volume.claim_name.clone().unwrap_or_else(|| object_name(scope.platform(), "backup-data")))
}

/// Kept when the platform goes, whatever becomes of the stores' own volumes.
fn claim(scope: &Scope, location: &BackupLocation) -> Option<Value> {
    let volume = location.volume.as_ref().filter(|volume| volume.claim_name.is_none())?;
    let mut metadata = scope.metadata(&claim_name(scope, location)?);
    metadata["labels"][DATA_LABEL] = DATA_BACKUP.into();
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": volume.storage.as_deref().unwrap_or("10Gi")}},
    });
    if let Some(class) = &volume.storage_class {
        spec["storageClassName"] = class.as_str().into();
    }
    Some(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}))
}

fn cron_job(scope: &Scope, spec: &BackupSpec) -> Value {
    let mut steps = Steps::new(scope, "backup", "backup.json", &spec.to);
    let reader = scope.name_of(secrets::CREDENTIALS_SUFFIX);
    steps.mount(pod::secret_volume("reader", &reader), READER, true);
    let mut init = vec![steps.own("begin")];
    init.extend(managed(scope.inputs).map(|store| steps.of_store(store)));
    let pod = steps.pod(init, "commit");
    // Not the operator's own labels on the Job, which would be taken for superfluous; the pods it is to see, but not as
    // a tier's, whose end a teardown waits for.
    let pod_labels = json!({
        NAME_LABEL: BACKUP,
        INSTANCE_LABEL: scope.platform(),
        MANAGED_BY_LABEL: MANAGER,
        "app.kubernetes.io/part-of": "orion",
    });
    let mut cron = json!({
        "schedule": spec.schedule,
        "suspend": spec.suspend,
        "concurrencyPolicy": "Forbid",
        // A cluster that was down at three makes up for it when it is back within the hour.
        "startingDeadlineSeconds": 3600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {"spec": {
            "backoffLimit": 2,
            "activeDeadlineSeconds": DEADLINE,
            "template": {
                "metadata": {"labels": pod_labels, "annotations": {KEYS_OF: keys(scope)}},
                "spec": pod,
            },
        }},
    });
    if let Some(zone) = &spec.time_zone {
        cron["timeZone"] = zone.as_str().into();
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": scope.metadata(&scope.name()),
        "spec": cron,
    })
}

/// The Secrets with keys that services seal data with: without them a restored database is of little use. What tells
/// them from others is bound late.
pub(super) fn keys(scope: &Scope) -> String {
    let enabled = SERVICES.iter().filter(|service| scope.spec().enabled(service.name));
    let sealing = enabled
        .flat_map(|service| service.secrets.iter())
        .filter(|secret| secret.keys.iter().any(|(_, value)| matches!(value, SecretValue::Key256)));
    sealing.map(|secret| object_name(scope.platform(), secret.suffix)).collect::<Vec<_>>().join(",")
}

/// The containers of a pod that works in steps.
pub(super) struct Steps<'a> {
    scope: &'a Scope<'a>,
    command: &'static str,
    config: String,
    mounts: Vec<Value>,
    volumes: Vec<Value>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(
        scope: &'a Scope<'a>,
        command: &'static str,
        config: &str,
        at: &BackupLocation,
    ) -> Self {
        let config = format!("{CONFIG}/{config}");
        let mut steps = Self { scope, command, config, mounts: Vec::new(), volumes: Vec::new() };
        steps.mount(json!({"name": "config", "configMap": {"name": scope.name()}}), CONFIG, true);
        steps.mount(json!({"name": "work", "emptyDir": {}}), WORK, false);
        if let Some(claim) = claim_name(scope, at) {
            let source = json!({"name": "backups", "persistentVolumeClaim": {"claimName": claim}});
            steps.mount(source, VOLUME, false);
        }
        if let Some(bucket) = &at.s3 {
            steps.mount(pod::secret_volume("bucket", &bucket.secret_ref.name), BUCKET, true);
            if let Some(authority) = &bucket.ca_secret_ref {
                steps.mount(pod::secret_volume("bucket-ca", &authority.name), BUCKET_CA, true);
            }
        }
        steps
    }

    pub(super) fn mount(&mut self, volume: Value, path: &str, read_only: bool) {
        let mut mount = json!({"name": volume["name"], "mountPath": path});
        if read_only {
            mount["readOnly"] = true.into();
        }
        self.mounts.push(mount);
        self.volumes.push(volume);
    }

    /// A step in the storekeeper's own image.
    pub(super) fn own(&self, step: &str) -> Value {
        let mut container = self.container(step, self.scope.inputs.storekeeper_image);
        container["args"] = json!([self.command, "--config", self.config, step]);
        container
    }

    /// A step in the store's image, whose programs are of the version that its data is of.
    pub(super) fn of_store(&self, store: Store) -> Value {
        let mut container = self.container(store.name(), &stores::image(self.scope, store));
        container["command"] =
            json!([format!("{WORK}/storekeeper"), self.command, "--config", self.config, store.name()]);
        container
    }

    fn container(&self, name: &str, image: &str) -> Value {
        let mut container = pod::container(self.scope, name, image, pod::resources(DEFAULTS, None));
        let keys = format!("metadata.annotations['{}']", super::scope::KEYS);
        container["env"] = json!([{"name": "ORION_KEYS", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": keys}}}]);
        container["volumeMounts"] = self.mounts.clone().into();
        container
    }

    pub(super) fn pod(self, init: Vec<Value>, last: &str) -> Value {
        let mut pod = pod::pod(self.scope, Ids::same(65532), 30);
        pod["restartPolicy"] = "Never".into();
        pod["containers"] = json!([self.own(last)]);
        pod["initContainers"] = init.into();
        pod["volumes"] = self.volumes.into();
        pod
    }
}
