//! Stored revisions: what goes in comes out, which one is to run, and what an edit means for a plan of another
//! operator.

mod codec;
mod merge;
mod target;

use operator::api::examples::platform;
use operator::plan::{Inputs, plan};
use operator::revision::Revision;

/// What an operator of this version makes of a spec.
pub(super) fn rendered(spec: &str, operator: &str) -> Revision {
    let platform = platform("team", "orion", spec);
    let image = format!("ghcr.io/orion-platform/operator:{operator}");
    let plan = plan(&Inputs {
        platform: &platform,
        storekeeper_image: &image,
        operator_namespace: "orion-system",
        operator_version: operator,
    });
    Revision {
        version: platform.spec.version(operator).to_owned(),
        operator: operator.to_owned(),
        floor: "0.0.0".to_owned(),
        spec: platform.spec,
        plan,
    }
}
