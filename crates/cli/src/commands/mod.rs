//! The commands, one a file.

pub(crate) mod approve;
pub(crate) mod backup;
pub(crate) mod backups;
mod bundle;
pub(crate) mod history;
pub(crate) mod pause;
pub(crate) mod restart;
pub(crate) mod restore;
pub(crate) mod rollback;
pub(crate) mod rotate;
pub(crate) mod status;
pub(crate) mod support_bundle;
mod tree;
pub(crate) mod why;

use kube::ResourceExt;
use operator::api::OrionPlatform;

/// `namespace/name`.
fn full_name(platform: &OrionPlatform) -> String {
    format!("{}/{}", platform.namespace().unwrap_or_default(), platform.name_any())
}
