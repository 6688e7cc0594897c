//! What each Secret holds, without ever holding it: values are made or put together at apply.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A Secret that must exist before the unit's objects are applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretSpec {
    pub name: String,
    /// The unit it belongs to and is removed with, which need not be the one that lists it.
    pub unit: String,
    pub labels: BTreeMap<String, String>,
    pub keys: Vec<(String, SecretKey)>,
}

/// How the value of a key comes about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretKey {
    /// 24 random letters and digits. Made once, never overwritten.
    Password,
    /// 32 random bytes in base64. Made once, never overwritten.
    Key256,
    /// This very text. Written once, never overwritten.
    Fixed(String),
    /// Text put together from other keys, recomputed whenever they change. `${key}` is a key of the same Secret,
    /// `${secret:key}` one of another Secret of the namespace (an external store's).
    Template(String),
}
