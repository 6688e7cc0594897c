//! A platform that is whole is looked at once a minute, for what nobody tells the operator. With a thousand platforms
//! those looks would be all that it ever does. So it is remembered with what a platform was found whole: while none of
//! that has changed, there is nothing to be seen.

use super::Reconcile;
use crate::api::OrionPlatform;
use crate::context::{Context, Rest};
use crate::controller::cache::Key;
use crate::controller::observe::Observed;
use crate::controller::secrets;
use crate::plan::Plan;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What goes by the clock, keys that are dropped and accounts that are replaced now and then, may be as late as this.
const LONGEST: Duration = Duration::from_secs(600);

/// What there is of a platform now; None where that can't be said. To be asked before its objects are.
pub(super) async fn found(context: &Context, key: &Key, platform: &OrionPlatform) -> Option<Rest> {
    let keys = context.keys.get(&context.client).await.ok()?;
    let (version, children) = (platform.metadata.resource_version.clone(), context.cache.changed(key));
    Some(Rest { version, children, keys, since: Instant::now() })
}

/// Whether it is as it was when the platform was whole.
pub(super) fn lasts(context: &Context, key: &Key, found: Option<&Rest>) -> bool {
    context.memory.of(key, |m| {
        let lasts = m.rest.as_ref().zip(found).is_some_and(|(rest, found)| {
            let same = rest.version == found.version && rest.children == found.children;
            let keys = Arc::ptr_eq(&rest.keys, &found.keys) || rest.keys == found.keys;
            same && keys && rest.since.elapsed() < LONGEST
        });
        // Whoever looks finds out anew whether there is anything left to do.
        m.rest = m.rest.take().filter(|_| lasts);
        lasts
    })
}

impl Reconcile<'_> {
    /// Remembers with what the platform was found whole, if nothing is left that must be asked for.
    pub(super) fn rest(&self, plan: &Plan, units: &[Observed]) {
        let nothing_left = units.iter().all(|unit| unit.cause.is_none() && unit.lacks.is_none());
        if nothing_left && secrets::foreign(&plan.units).is_empty() {
            self.context.memory.of(self.key, |m| m.rest = self.found.clone());
        }
    }
}
