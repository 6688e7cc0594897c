//! What the operator says about a platform. Numbers are integers, so that any reader can compare them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What the operator sees and does. Written by the operator only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OrionPlatformStatus {
    /// The metadata.generation that this status is about. -1: the operator has not looked at the platform yet.
    pub observed_generation: i64,
    /// The platform in one word. Conditions say more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Hash of what is being rolled out, or runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Hash of what last ran with everything ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good_revision: Option<String>,
    /// Why something else runs than the spec says, while that is so after a rollout that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// Hash of what this operator would run; there while it is for a person to approve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_revision: Option<String>,
    /// The version of the services that is being rolled out, or runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The tier that is being worked on, or the last one, as in "2 Auth".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// How backups are; there when spec.backup is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupStatus>,
    /// What is going on, or in the way, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where clients outside the cluster reach the gateway, once that is known: a URL; with nodePort http://NODE:port,
    /// which is any node; with gatewayApi the host alone, because the Gateway says whether clients come by https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where the replacement of the services' accounts in the data stores stands; there once one was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsStatus>,
    /// Ready, Reconciling, Stalled, Degraded, UpdateAvailable, RotationStuck while it is so, BackupCurrent (with spec.backup), and one for each tier: DataReady, CoreReady, AuthReady, BusinessReady,
    /// GatewayReady, ExtendedReady, AIReady, ManagementReady.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// The tiers that have anything in them, from the first to the last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["tier"]))]
    pub tiers: Vec<TierStatus>,
    /// Every part of the platform: stores, provisioning and services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub services: Vec<UnitStatus>,
}

/// How far the replacement of accounts is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsStatus {
    /// The replacement in one word.
    pub phase: RotationPhase,
    /// The services that the phase is about, if anything is under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// When it last made progress, if anything is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub since: Option<Time>,
    /// When accounts were last replaced to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub last_rotation: Option<Time>,
    /// What it waits for, or can't do, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The replacement of accounts in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RotationPhase {
    /// Nothing is under way.
    Settled,
    /// The new accounts are made in the stores.
    Adding,
    /// The pods are replaced by ones that use the new accounts; both are valid.
    Rolling,
    /// The former accounts are refused from now on.
    Dropping,
}

/// How backups are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus {
    /// Name of the last complete backup: what spec.restore.backup takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_backup: Option<String>,
    /// When a backup last was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub last_successful: Option<Time>,
    /// When a backup last was begun that came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub last_failed: Option<Time>,
    /// The stores that are in no backup, because others run them and back them up: postgres, redis.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// What is in the last one, or why there is none, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A rollout that failed and was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// Hash of the revision that failed.
    pub from: String,
    /// The metadata.generation that asked for it: a later one is tried anew.
    pub generation: i64,
    /// What was in the way, in one line.
    pub cause: String,
}

/// The platform in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// The operator has not begun.
    Pending,
    /// The first install is under way.
    Installing,
    /// A change is being rolled out.
    Updating,
    /// Everything runs as the spec says.
    Ready,
    /// Everything is rolled out, but something is not healthy.
    Degraded,
    /// A tier made no progress for longer than rollout.tierTimeout.
    Stalled,
    /// A rollout failed and what ran well before was put back, or somebody asked for an older revision.
    RolledBack,
    /// The spec can't be carried out; the message says what to write.
    Invalid,
    /// spec.paused is true.
    Paused,
    /// The platform is being taken down.
    Deleting,
}

/// One tier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TierStatus {
    /// Number of the tier, from 0. Install goes up, removal goes down.
    pub tier: i32,
    /// Name of the tier, as in Auth.
    pub name: String,
    /// The tier in one word.
    pub phase: TierPhase,
    /// How many of its parts are ready.
    pub ready: i32,
    /// How many parts it has.
    pub desired: i32,
    /// When it last made progress; rollout.tierTimeout counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub since: Option<Time>,
    /// What it waits for, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
}

/// A tier in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TierPhase {
    /// Its turn has not come.
    Waiting,
    /// Being rolled out.
    Progressing,
    /// Every part is ready.
    Ready,
    /// It was ready, and something is not healthy.
    Degraded,
    /// No progress for longer than rollout.tierTimeout.
    Stalled,
    /// Being taken down.
    Deleting,
}

/// One part of the platform: a store, the provisioning Job or a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitStatus {
    /// Name of the part, as in auth.
    pub name: String,
    /// Number of its tier.
    pub tier: i32,
    /// How many pods are ready.
    pub ready: i32,
    /// How many pods are wanted.
    pub desired: i32,
    /// The image it runs; none for a store that runs elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// How it is by its own account.
    #[serde(default)]
    pub health: Health,
    /// What is in the way, named to the container, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How a part is by its own account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Health {
    /// It does all its work.
    Ok,
    /// It works with less.
    Degraded,
    /// It does not work.
    Down,
    /// It was not asked, or did not answer.
    #[default]
    Unknown,
}

impl Default for OrionPlatformStatus {
    fn default() -> Self {
        Self {
            observed_generation: -1,
            phase: None,
            revision: None,
            last_good_revision: None,
            rollback: None,
            available_revision: None,
            version: None,
            tier: None,
            backup: None,
            message: None,
            url: None,
            credentials: None,
            conditions: Vec::new(),
            tiers: Vec::new(),
            services: Vec::new(),
        }
    }
}

fn date_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {"type": "string", "maxLength": 316, "description": "What is stated."},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it is so."},
                "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0,
                    "description": "The metadata.generation that this is about."},
                "lastTransitionTime": {"type": "string", "format": "date-time",
                    "description": "When status last changed."},
                "reason": {"type": "string", "minLength": 1, "maxLength": 1024,
                    "description": "Why, in one word for programs."},
                "message": {"type": "string", "maxLength": 32768, "description": "Why, for people."},
            },
        },
    })
}
