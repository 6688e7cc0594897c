//! What every part of a plan is named and labelled with.

use super::Inputs;
use crate::api::{OrionPlatformSpec, PullPolicy};
use catalog::{Store, Tier, object_name};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The unit that an object belongs to.
pub const NAME_LABEL: &str = "app.kubernetes.io/name";
/// The platform that an object belongs to.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// The field manager too.
pub const MANAGER: &str = "orion-operator";
pub const TIER_LABEL: &str = "orion.dev/tier";
/// Marks volumes, and the Secrets without which what is in a store is of no use. Its value says where the data is.
pub const DATA_LABEL: &str = "orion.dev/data";
/// On a volume of the platform's own: deletionPolicy says whether it is kept.
pub const DATA_OWN: &str = "true";
/// In a store that runs elsewhere, in which nothing is ever removed: kept whatever deletionPolicy says.
pub const DATA_EXTERNAL: &str = "external";
/// A volume with backups: kept whatever deletionPolicy says.
pub const DATA_BACKUP: &str = "backup";
/// On pod templates of services: the backup that they were started after.
pub const RESTORED: &str = "orion.dev/restored";
/// On pod templates: the Secrets with keys that services seal data with.
pub const KEYS_OF: &str = "orion.dev/keys-of";
/// On pod templates, bound late by the controller: what tells those keys from others.
pub const KEYS: &str = "orion.dev/keys";
/// Marks the Service through which clients outside the cluster come in; its port is named `http`.
pub const EXPOSURE_LABEL: &str = "orion.dev/exposure";
/// On pod templates: hash of the unit's own configuration, so that a change of it rolls the pods.
pub const CONFIG_HASH: &str = "orion.dev/config-hash";
/// On pod templates, bound late by the controller: hash of the Secrets that the pods mount.
pub const SECRET_HASH: &str = "orion.dev/secret-hash";

/// One unit of one platform.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) unit: &'a str,
    pub(super) tier: Tier,
}

impl<'a> Scope<'a> {
    pub(super) fn new(inputs: &'a Inputs<'a>, unit: &'a str, tier: Tier) -> Self {
        Self { inputs, unit, tier }
    }

    pub(super) fn spec(&self) -> &'a OrionPlatformSpec {
        &self.inputs.platform.spec
    }

    pub(super) fn platform(&self) -> &'a str {
        self.inputs.platform.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &'a str {
        self.inputs.platform.metadata.namespace.as_deref().unwrap_or("default")
    }

    /// `orion-auth`: the name of most objects of the unit.
    pub(super) fn name(&self) -> String {
        object_name(self.platform(), self.unit)
    }

    /// `orion-auth-credentials`.
    pub(super) fn name_of(&self, part: &str) -> String {
        format!("{}-{part}", self.name())
    }

    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        [
            (NAME_LABEL, self.unit.to_owned()),
            (INSTANCE_LABEL, self.platform().to_owned()),
            (MANAGED_BY_LABEL, MANAGER.to_owned()),
            ("app.kubernetes.io/part-of", "orion".to_owned()),
            (TIER_LABEL, self.tier.number().to_string()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }

    /// The unit's labels on something that belongs to the data in a store, and may outlive the platform.
    pub(super) fn data_labels(&self, store: Store) -> BTreeMap<String, String> {
        let external = self.spec().store(store).is_some_and(|s| s.is_external());
        let mut labels = self.labels();
        let place = if external { DATA_EXTERNAL } else { DATA_OWN };
        labels.insert(DATA_LABEL.to_owned(), place.to_owned());
        labels
    }

    /// What the unit's pods are selected by.
    pub(super) fn selector(&self) -> Value {
        json!({NAME_LABEL: self.unit, INSTANCE_LABEL: self.platform()})
    }

    pub(super) fn metadata(&self, name: &str) -> Value {
        json!({"name": name, "namespace": self.namespace(), "labels": self.labels()})
    }

    pub(super) fn pull_policy(&self) -> &'static str {
        match self.spec().image.pull_policy {
            PullPolicy::IfNotPresent => "IfNotPresent",
            PullPolicy::Always => "Always",
            PullPolicy::Never => "Never",
        }
    }
}
