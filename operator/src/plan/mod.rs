//! From a platform and the catalog to every object it consists of. Pure and infallible: no client, no clock, no
//! randomness, so that the same spec always gives the same plan and a plan can be stored and applied again.
//!
//! What must not be in a plan is bound late, by the controller, at apply: values of Secrets (`SecretSpec` only says
//! what each key is), the `orion.dev/secret-hash` annotation of pod templates, the ConfigMap with callers' keys, and
//! the suffix of the provision Job's name.

mod backup;
pub mod cron;
mod endpoints;
mod env;
mod hash;
pub mod monitoring;
pub mod network;
mod place;
mod placement;
mod pod;
pub mod provision;
pub mod quantity;
mod restore;
mod routes;
mod scale;
mod scope;
pub mod secrets;
mod services;
mod stores;

use catalog::Tier;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use env::{is_reserved, reserved_env_rule};
pub use hash::hash8;
pub use scope::{
    CONFIG_HASH, DATA_BACKUP, DATA_EXTERNAL, DATA_LABEL, DATA_OWN, EXPOSURE_LABEL, INSTANCE_LABEL, KEYS,
    KEYS_OF, MANAGED_BY_LABEL, MANAGER, NAME_LABEL, RESTORED, SECRET_HASH, TIER_LABEL,
};
pub use secrets::{Account, SecretKey, SecretSpec};

use crate::api::OrionPlatform;

/// All that a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub platform: &'a OrionPlatform,
    /// The image of the Jobs that work inside the stores.
    pub storekeeper_image: &'a str,
    /// The namespace that the operator runs in: from there it asks the services how they are.
    pub operator_namespace: &'a str,
    /// The operator's version: what the services run that the spec gives no version for.
    pub operator_version: &'a str,
}

/// What a platform consists of, ordered by tier and then by name; within the first tier what works inside the stores
/// is last: provisioning, restore, backups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub units: Vec<Unit>,
}

/// What is rolled out, is ready and is removed as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// `postgres`, `provision`, `backup`, `auth`…: the value of `app.kubernetes.io/name`.
    pub name: String,
    pub kind: UnitKind,
    #[serde(with = "tier_number")]
    pub tier: Tier,
    /// Only units of this plan that are enabled: what is switched off is not waited for.
    pub needs: Vec<Need>,
    /// A unit that is not enabled has no objects and no secrets; whatever is left of it is to be removed.
    pub enabled: bool,
    /// Whole objects with apiVersion, kind and metadata, in the order in which they are applied. An external store
    /// has none and is ready at once.
    pub objects: Vec<Value>,
    /// What must exist before the objects are applied. A Secret may be listed by several units: the provision Job
    /// needs every service's credentials, and so does the service.
    pub secrets: Vec<SecretSpec>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnitKind {
    Store,
    /// Works inside the stores: provisioning, restore, backups.
    Provision,
    Service,
}

/// A unit that must be ready first. Without a hard one this unit can't work; without a soft one it runs with less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub on: String,
    pub hard: bool,
}

/// The name of the provision unit.
pub const PROVISION: &str = "provision";

/// The name of the unit that makes backups.
pub const BACKUP: &str = "backup";
/// The name of the unit that restores one.
pub const RESTORE: &str = "restore";

/// The plan of a valid platform.
pub fn plan(inputs: &Inputs) -> Plan {
    let mut units: Vec<Unit> = catalog::STORES.iter().map(|store| stores::unit(inputs, store)).collect();
    units.sort_by(|a, b| a.name.cmp(&b.name));
    let provision = provision::unit(inputs);
    let provisioned = provision.enabled;
    let restore = restore::unit(inputs);
    let before = [(PROVISION, provisioned), (RESTORE, restore.enabled)];
    let before: Vec<&str> =
        before.into_iter().filter(|(_, enabled)| *enabled).map(|(name, _)| name).collect();
    units.extend([provision, restore, backup::unit(inputs)]);
    let services = catalog::SERVICES.iter().map(|service| services::unit(inputs, service, &before));
    let mut services: Vec<Unit> = services.collect();
    services.sort_by(|a, b| (a.tier, &a.name).cmp(&(b.tier, &b.name)));
    units.extend(services);
    Plan { units }
}

impl Unit {
    /// A unit that is switched off, or has nothing to do.
    fn absent(name: &str, kind: UnitKind, tier: Tier) -> Self {
        let name = name.to_owned();
        Self { name, kind, tier, needs: Vec::new(), enabled: false, objects: Vec::new(), secrets: Vec::new() }
    }
}

impl Plan {
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.iter().find(|u| u.name == name)
    }
}

/// A document as people read it in `kubectl describe`.
fn pretty(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("a document has only text, numbers and lists")
}

mod tier_number {
    //! Tiers are stored as their numbers.
    use catalog::Tier;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(tier: &Tier, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(tier.number())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tier, D::Error> {
        let number = u8::deserialize(deserializer)?;
        let tier = Tier::ALL.into_iter().find(|t| t.number() == number);
        tier.ok_or_else(|| D::Error::custom(format!("there is no tier {number}")))
    }
}
