//! Hands platforms to `reconcile`: each one by one, several at a time, and those that failed with growing pauses.

use super::cache::{Cache, Key};
use super::error::Error;
use super::figures;
use super::reconcile::reconcile;
use crate::api::OrionPlatform;
use crate::context::Context;
use futures::StreamExt;
use kube::ResourceExt;
use kube::runtime::controller::{Action, Config, Error as QueueError, ReconcileRequest, applier};
use kube::runtime::reflector::{ObjectRef, Store};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

/// An object seldom changes alone: what comes together is looked at together.
const DEBOUNCE: Duration = Duration::from_millis(25);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

pub(super) struct Queue {
    pub(super) platforms: Store<OrionPlatform>,
    pub(super) named: UnboundedReceiver<Key>,
}

impl Queue {
    /// While another operator leads, what happens is only kept in the caches.
    pub(super) async fn idle(&mut self) -> Infallible {
        while self.named.recv().await.is_some() {}
        std::future::pending().await
    }

    /// Works until `ending`, then finishes what is under way.
    pub(super) async fn run(self, context: Arc<Context>, concurrency: u16, ending: CancellationToken) {
        let Queue { platforms, mut named } = self;
        let first = every(platforms.clone(), context.cache.clone());
        let asked = context.clone();
        let requests = futures::stream::once(first)
            .flat_map(futures::stream::iter)
            .chain(futures::stream::poll_fn(move |cx| named.poll_recv(cx)))
            .map(move |key: Key| {
                asked.waiting.begins(&key);
                let platform = ObjectRef::<OrionPlatform>::new(&key.name).within(&key.namespace);
                Ok::<_, Infallible>(ReconcileRequest::from(platform))
            })
            .take_until(ending.cancelled_owned());
        let config = Config::default().concurrency(concurrency).debounce(DEBOUNCE);
        let one = |platform, context| Box::pin(reconcile(platform, context));
        let forget = context.clone();
        applier(one, failed, context, platforms, Box::pin(requests), config)
            .for_each(|result| {
                if let Err(QueueError::ObjectNotFound(gone)) = result {
                    let namespace = gone.namespace.clone().unwrap_or_default();
                    let key = Key { namespace, name: gone.name.clone() };
                    forget.memory.forget(&key);
                    forget.waiting.forget(&key);
                }
                std::future::ready(())
            })
            .await;
    }
}

/// Every platform, once every cache is filled: before, what is missing in them may well exist.
async fn every(platforms: Store<OrionPlatform>, cache: Arc<Cache>) -> Vec<Key> {
    while !cache.complete() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It fails only when the watch's task is gone, and with it the process.
    let _ = platforms.wait_until_ready().await;
    platforms.state().iter().map(|platform| key_of(platform)).collect()
}

pub(super) fn key_of(platform: &OrionPlatform) -> Key {
    Key { namespace: platform.namespace().unwrap_or_default(), name: platform.name_any() }
}

fn failed(platform: Arc<OrionPlatform>, error: &Error, context: Arc<Context>) -> Action {
    let key = key_of(&platform);
    let failures = context.memory.of(&key, |m| {
        m.failures = m.failures.saturating_add(1);
        m.failures
    });
    let pause = FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST_PAUSE);
    figures::reconcile_failed(error.kind());
    tracing::warn!(
        namespace = key.namespace, name = key.name, %error, failures, pause_seconds = pause.as_secs_f64(),
        "reconcile failed, will be tried again"
    );
    Action::requeue(pause)
}
