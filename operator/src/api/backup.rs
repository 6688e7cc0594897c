//! Backups in the resource: when, where to, how long they are kept, and which one is to be restored.

use super::common::{self, SecretRef, rules};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// Backups of the managed stores, PostgreSQL and Redis. What runs elsewhere, or in the care of another operator, is backed
/// up there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupSpec {
    /// When a backup is made, as five fields of cron: minute, hour, day of the month, month, day of the week; as in
    /// "0 3 * * *", every day at three.
    #[schemars(schema_with = "schedule")]
    pub schedule: String,
    /// The time zone of schedule, as in "Europe/Vienna". Default: the one of the cluster's controllers, mostly UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "time_zone")]
    pub time_zone: Option<String>,
    /// While true no backup is made. Default: false.
    #[serde(default)]
    pub suspend: bool,
    /// How long backups are kept. Default: the last seven.
    #[serde(default)]
    pub retention: BackupRetention,
    /// Where backups are kept.
    pub to: BackupLocation,
}

/// How long backups are kept. Older ones are removed when a newer one is complete; the newest always stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupRetention {
    /// How many are kept, the newest among them; from 1 to 1000. Default: 7.
    #[schemars(range(min = 1, max = 1000))]
    pub keep_last: i32,
    /// How old a backup may be, in hours or days, as in "36h" or "30d". Default: any age.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "max_age")]
    pub max_age: Option<String>,
}

/// Where backups are kept: exactly one of volume or s3.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.volume) != has(self.s3)",
    "write exactly one of volume or s3; \"volume: {}\" keeps backups on a volume with the operator's defaults"
)])))]
pub struct BackupLocation {
    /// The folder of this platform's backups, on the volume or in the bucket. Two platforms must not have the same: each
    /// removes what is old in its own. Default: <namespace>/<name of the platform>.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "prefix")]
    pub prefix: Option<String>,
    /// A volume in the platform's own namespace. It stays when the platform is deleted, whatever deletionPolicy says;
    /// but it is in the same cluster as what it is to save.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<BackupVolume>,
    /// A bucket of S3 or of anything that speaks its language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<BackupBucket>,
}

/// A volume for backups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.claimName) || (!has(self.storage) && !has(self.storageClass))",
    "storage and storageClass are for a claim that the operator makes: leave them out, or leave claimName out"
)])))]
pub struct BackupVolume {
    /// Size of the volume that the operator makes, in bytes with a unit. Default: "10Gi".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::bytes")]
    pub storage: Option<String>,
    /// StorageClass of the volume that the operator makes. Default: the cluster's own default class.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::object_name")]
    pub storage_class: Option<String>,
    /// A PersistentVolumeClaim that is there already. Default: the operator makes one, <name of the platform>-backup-data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::object_name")]
    pub claim_name: Option<String>,
}

/// A bucket for backups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupBucket {
    /// URL of the service, as in "https://s3.eu-central-1.amazonaws.com" or "http://minio.storage:9000".
    #[schemars(schema_with = "endpoint")]
    pub endpoint: String,
    /// Name of the bucket. It must be there.
    #[schemars(schema_with = "bucket")]
    pub bucket: String,
    /// Region of the bucket. Default: us-east-1, which most services other than Amazon's accept.
    #[serde(default = "region")]
    #[schemars(schema_with = "region_name")]
    pub region: String,
    /// Whether the bucket is in the path of URLs (true) or in the name of the host (false). Default: true, which
    /// everything understands.
    #[serde(default = "yes")]
    pub path_style: bool,
    /// The Secret with the keys access-key-id and secret-access-key. They need to list, read, write and delete in the
    /// bucket.
    pub secret_ref: SecretRef,
    /// The Secret whose key ca.crt has the certificate authority to trust. Default: the public authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretRef>,
}

/// A backup that is restored, once. What was there before stays in the stores, under another name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.from) || !has(self.from.volume) || has(self.from.volume.claimName)",
    "restore.from.volume needs claimName: backups can be only on a volume that is there already"
)])))]
pub struct RestoreSpec {
    /// Name of the backup, as in "20261124T030000Z": status.backup has the last one's, docs/runbooks/backup-and-restore.md
    /// says how to list them.
    #[schemars(schema_with = "backup_name")]
    pub backup: String,
    /// Write a higher number to restore the same backup once more. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub attempt: i32,
    /// Go on although the keys that services sealed their secrets with are other ones by now: what they sealed is lost.
    /// Default: false.
    #[serde(default)]
    pub ignore_keys: bool,
    /// Where the backup is. Default: backup.to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<BackupLocation>,
}

impl Default for BackupRetention {
    fn default() -> Self {
        Self { keep_last: 7, max_age: None }
    }
}

impl BackupRetention {
    pub fn max_age_seconds(&self) -> Option<u64> {
        let text = self.max_age.as_deref()?;
        let (number, unit) = text.split_at(text.len().checked_sub(1)?);
        let seconds = match unit {
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(seconds)
    }
}

impl BackupBucket {
    /// The port of the endpoint.
    pub fn port(&self) -> u16 {
        let (scheme, host) = self.endpoint.split_once("://").unwrap_or_default();
        let given = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        given.unwrap_or(if scheme == "http" { 80 } else { 443 })
    }
}

/// What concerns the two together: for the spec as a whole.
pub(super) const RULE_OF_SPEC: (&str, &str) = (
    "!has(self.restore) || has(self.backup) || has(self.restore.from)",
    "restore needs to know where the backup is: write restore.from, or backup.to",
);

fn schedule(_: &mut SchemaGenerator) -> Schema {
    common::string(
        64,
        &[(
            "self.matches('^[-0-9*/,A-Za-z]+( [-0-9*/,A-Za-z]+){4}$')",
            "not a schedule: write five fields as cron has them, minute, hour, day, month and day of the week, as in \"0 3 * * *\"",
        )],
    )
}

fn time_zone(_: &mut SchemaGenerator) -> Schema {
    common::string(
        64,
        &[(
            "self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$')",
            "not a time zone: write its name in the IANA database, as in \"Europe/Vienna\"",
        )],
    )
}

fn max_age(_: &mut SchemaGenerator) -> Schema {
    common::string(
        8,
        &[(
            "self.matches('^[1-9][0-9]{0,4}[hd]$')",
            "not an age: write hours or days, as in \"36h\" or \"30d\"",
        )],
    )
}

fn prefix(_: &mut SchemaGenerator) -> Schema {
    common::string(
        256,
        &[(
            "self.matches('^[A-Za-z0-9][-A-Za-z0-9_.]*(/[A-Za-z0-9][-A-Za-z0-9_.]*)*$')",
            "not a folder: write names with '/' between them and neither at the start nor at the end, as in \"shop/orion\"",
        )],
    )
}

fn endpoint(_: &mut SchemaGenerator) -> Schema {
    common::string(
        256,
        &[(
            "self.matches('^https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$')",
            "not an endpoint: write scheme and host without a path, as in \"https://s3.eu-central-1.amazonaws.com\"",
        )],
    )
}

fn bucket(_: &mut SchemaGenerator) -> Schema {
    common::string(
        63,
        &[(
            "self.matches('^[a-z0-9][a-z0-9.-]+[a-z0-9]$')",
            "not a bucket's name: write 3 to 63 lower-case letters, digits, '-' and '.'",
        )],
    )
}

fn region_name(_: &mut SchemaGenerator) -> Schema {
    common::string(
        64,
        &[("self.matches('^[A-Za-z0-9-]+$')", "not a region: write its code, as in \"eu-central-1\"")],
    )
}

fn backup_name(_: &mut SchemaGenerator) -> Schema {
    common::string(
        16,
        &[(
            "self.matches('^[0-9]{8}T[0-9]{6}Z$')",
            "not the name of a backup: write when it was begun, as in \"20261124T030000Z\"",
        )],
    )
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn yes() -> bool {
    true
}

fn one() -> i32 {
    1
}
