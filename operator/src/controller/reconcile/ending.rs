//! How a platform is left: taken down in order, or let go with its namespace.

use super::{BUSY, Reconcile};
use crate::controller::cache::Children;
use crate::controller::delete::{self, Step};
use crate::controller::error::Error;
use crate::controller::{namespace, status};
use kube::runtime::controller::Action;
use std::time::Duration;

impl Reconcile<'_> {
    /// The namespace takes everything along: nothing is deleted, and no order is promised.
    pub(super) async fn abandon(&self) -> Result<Action, Error> {
        if namespace::is_held(self.platform) {
            let (namespace, name) = (&self.key.namespace, &self.key.name);
            tracing::info!(namespace, name, "the namespace ends: lets go of the platform");
            delete::let_go(&self.context.writer, self.platform).await?;
        }
        Ok(Action::await_change())
    }

    pub(super) async fn take_down(&self, children: &Children) -> Result<Action, Error> {
        if !namespace::is_held(self.platform) {
            return Ok(Action::await_change());
        }
        let (writer, policy) = (&self.context.writer, self.platform.spec.deletion_policy);
        let left = delete::left(children);
        let kept = delete::always_kept(children);
        self.report(status::deleting(&self.before, self.generation(), self.now, &left, &kept)).await?;
        match delete::next(children, policy) {
            Step::Tier(objects) | Step::Rest(objects) => {
                delete::delete_all(writer, &objects).await?;
                Ok(Action::requeue(BUSY))
            }
            Step::Done if delete::nothing_left(&self.context.client, writer, self.key, policy).await? => {
                tracing::info!(namespace = self.key.namespace, name = self.key.name, "is taken down");
                delete::let_go(writer, self.platform).await?;
                Ok(Action::await_change())
            }
            Step::Done => Ok(Action::requeue(Duration::from_secs(1))),
        }
    }
}
