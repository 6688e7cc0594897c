//! A namespace that ends takes everything in it along, in an order of its own, and this operator's rights or its pod may
//! be among the first. What is left to do is to let go of its platforms at once: a finalizer that nobody can take off
//! any more would hold up the namespace for ever. Kubernetes 1.33 and later removes the pods first and waits for them,
//! which leaves time for it; earlier ones may take the rights away first.
//!
//! Whether it ends is asked, not watched, and only when something is so that this would explain.

use super::cache::{Children, Key};
use super::delete::{FINALIZER, let_go};
use super::observe::leaving;
use crate::api::OrionPlatform;
use crate::context::Context;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::reflector::Store;
use kube::{Api, Client, ResourceExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a namespace is looked at, at most: more often than the 5 s that Kubernetes waits before it begins to remove
/// what is in one.
const LOOK: Duration = Duration::from_secs(3);
/// How long the watch may take to bring what the operator wrote last.
const PATIENCE: Duration = Duration::from_secs(4);

/// Whether this may be the end of the platform's namespace. Pure.
pub fn in_doubt(platform: &OrionPlatform, children: &Children) -> bool {
    platform.metadata.deletion_timestamp.is_some() || children.values().any(|object| leaving(object))
}

/// Whether the platform's namespace ends. Once it does, it is not asked again.
pub async fn ends(context: &Context, key: &Key) -> bool {
    match context.memory.of(key, |m| m.namespace) {
        Some((_, true)) => return true,
        Some((when, false)) if when.elapsed() < LOOK => return false,
        _ => {}
    }
    let ends = look(&context.client, &key.namespace).await;
    context.memory.of(key, |m| m.namespace = Some((Instant::now(), ends)));
    ends
}

/// The API server has refused something because the namespace ends.
pub fn was_told(context: &Context, key: &Key) {
    context.memory.of(key, |m| m.namespace = Some((Instant::now(), true)));
}

/// Whether it is known already.
pub fn known_to_end(context: &Context, key: &Key) -> bool {
    context.memory.of(key, |m| m.namespace.is_some_and(|(_, ends)| ends))
}

async fn look(client: &Client, name: &str) -> bool {
    match Api::<Namespace>::all(client.clone()).get_opt(name).await {
        Ok(Some(namespace)) => namespace.metadata.deletion_timestamp.is_some(),
        Ok(None) => true,
        Err(error) => {
            tracing::warn!(namespace = name, %error, "can't see whether the namespace ends");
            false
        }
    }
}

pub fn is_held(platform: &OrionPlatform) -> bool {
    platform.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// To be called when the operator is told to end and nothing else is under way: if that is because its own namespace
/// ends, nobody comes after it who could let go of the platforms in there.
pub async fn last_look(context: &Context, platforms: &Store<OrionPlatform>, own: &str) {
    let held = || -> Vec<Arc<OrionPlatform>> {
        let here = |p: &Arc<OrionPlatform>| p.namespace().as_deref() == Some(own) && is_held(p);
        platforms.state().into_iter().filter(here).collect()
    };
    if held().is_empty() || context.writer.leads().is_err() || !look(&context.client, own).await {
        return;
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let left = held();
        for platform in &left {
            match let_go(&context.writer, platform).await {
                Ok(()) => tracing::info!(name = platform.name_any(), "the namespace ends: let go"),
                // Changed, or let go, a moment ago: the watch is about to tell.
                Err(error) if error.is_conflict() => {}
                Err(error) => tracing::warn!(name = platform.name_any(), %error, "can't let go"),
            }
        }
        if left.is_empty() || Instant::now() > until {
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}
