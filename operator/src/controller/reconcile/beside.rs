//! What a platform has beside its units: the keys of its callers, and what Prometheus is told. None of it is in a
//! revision; it follows the cluster and the spec as they are now.

use super::Reconcile;
use crate::controller::apply::{Applying, Failures};
use crate::controller::cache::name;
use crate::controller::error::Error;
use crate::controller::keys;
use crate::controller::kinds::Kind;
use crate::plan::monitoring;
use serde_json::Value;

impl Reconcile<'_> {
    /// Makes it, and tells the names of what is to stay.
    pub(super) async fn beside(&self, applying: &Applying<'_>, failures: &mut Failures) -> Vec<String> {
        if let Err(error) = self.callers(applying).await {
            failures.push(("caller-keys".to_owned(), error));
        }
        let monitoring = monitoring::objects(self.platform);
        for object in monitoring.iter().filter(|object| self.can_be(object)) {
            if let Err(error) = applying.object(object).await {
                failures.push(("monitoring".to_owned(), error));
            }
        }
        let names = monitoring.iter().map(|object| name(object).to_owned());
        names.chain([keys::object_name(&self.key.name)]).collect()
    }

    /// The keys by which services recognise their callers.
    pub(super) async fn callers(&self, applying: &Applying<'_>) -> Result<(), Error> {
        let published = self.context.keys.get(&self.context.client).await?;
        let live = applying.children.get(&("ConfigMap", keys::object_name(&self.key.name)));
        let wanted = keys::config_map(self.key, &published, live.map(AsRef::as_ref), self.now);
        applying.object(&wanted).await
    }

    fn can_be(&self, object: &Value) -> bool {
        let Some(kind) = object["kind"].as_str().and_then(Kind::named) else { return false };
        let missing = self.context.cache.served.is_missing(kind);
        if missing {
            self.context.cache.served.like(kind);
        }
        !missing
    }
}
