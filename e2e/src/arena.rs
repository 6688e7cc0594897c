//! One test's own place: a namespace with an operator, and the platform `orion` in it.

use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

use crate::ground::{Ground, ground, ground_apart, ground_policed, root};
use crate::place::Place;
use crate::{crash, evidence, tools};

pub use crate::place::{PLATFORM, platform};

/// How long anything may take before a test gives up on it: generous, since no speed is asserted.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// The release of the chart in the test's namespace, and so the name of the operator's objects.
pub const OPERATOR: &str = "orion-operator";

/// The namespace has the test's name.
pub struct Arena {
    pub ground: Arc<Ground>,
    place: Place,
}

impl Deref for Arena {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

/// Runs a test in a place of its own. What was there to see is kept if it fails, and nothing if it doesn't.
pub async fn scene(name: &str, test: impl AsyncFnOnce(&Arena) -> Result<()>) -> Result<()> {
    scene_on(ground().await?, name, test).await
}

/// The same on a cluster of the test's own, with this many nodes, which are its to lose.
pub async fn scene_apart(
    name: &str,
    nodes: usize,
    test: impl AsyncFnOnce(&Arena) -> Result<()>,
) -> Result<()> {
    scene_on(ground_apart(name, nodes).await?, name, test).await
}

/// The same on nodes that enforce NetworkPolicies.
pub async fn scene_policed(
    name: &str,
    nodes: usize,
    test: impl AsyncFnOnce(&Arena) -> Result<()>,
) -> Result<()> {
    scene_on(ground_policed(name, nodes).await?, name, test).await
}

async fn scene_on(
    ground: Arc<Ground>,
    name: &str,
    test: impl AsyncFnOnce(&Arena) -> Result<()>,
) -> Result<()> {
    let place = root().join("target/e2e").join(name);
    // What an earlier run left would be taken for this one's.
    let _ = std::fs::remove_dir_all(&place);
    let arena = Arena::new(ground, name).await?;
    let outcome = AssertUnwindSafe(async {
        arena.install_operator().await?;
        test(&arena).await
    });
    let outcome = match outcome.catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => Err(anyhow!(text_of(&*panic))),
    };
    if let Err(error) = &outcome {
        evidence::keep(&arena, &place, error).await;
        eprintln!("{name}: pods, events, logs and objects are in {}", place.display());
    }
    arena.leave().await;
    outcome
}

pub(crate) fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the test panicked").to_owned()
}

impl Arena {
    async fn new(ground: Arc<Ground>, name: &str) -> Result<Arena> {
        let place = Place::new(ground.client().await?, name, PATIENCE).await?;
        Ok(Arena { ground, place })
    }

    async fn install_operator(&self) -> Result<()> {
        let chart = root().join("charts/orion-operator").display().to_string();
        let arguments = ["install", OPERATOR, &chart, "-n", &self.namespace, "--set", "crds.install=false"];
        let quick = ["--wait", "--timeout", "180s"];
        tools::helm(&self.ground.cluster, &[&arguments[..], &quick[..]].concat()).await.map(drop)
    }

    /// The operator as a chart of this version starts it.
    pub async fn replace_operator(&self, version: &str) -> Result<()> {
        let chart = root().join("charts/orion-operator").display().to_string();
        let images = format!("image.tag={version},storekeeper.tag={version}");
        let arguments = ["upgrade", OPERATOR, &chart, "-n", &self.namespace, "--set-string", &images];
        let quick = ["--set", "crds.install=false", "--wait", "--timeout", "180s"];
        tools::helm(&self.ground.cluster, &[&arguments[..], &quick[..]].concat()).await.map(drop)
    }

    /// Ready is said as soon as the new pods serve; it is the end of the old ones that may cost requests.
    pub async fn until_nothing_leaves(&self) -> Result<()> {
        eventually("the old pods are gone", async || {
            let pods = self.api::<Pod>().list(&ListParams::default()).await?;
            let leaving = pods.items.iter().any(|pod| pod.metadata.deletion_timestamp.is_some());
            Ok((!leaving).then_some(()))
        })
        .await
    }

    /// The operator's pods.
    pub async fn operators(&self) -> Result<Vec<Pod>> {
        let selector = "app.kubernetes.io/component=operator";
        Ok(self.api::<Pod>().list(&ListParams::default().labels(selector)).await?.items)
    }

    /// Ends the operator as a crash would: it gets no chance to put anything in order.
    pub async fn kill_operator(&self) -> Result<()> {
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        for pod in self.operators().await? {
            // Kubelet lets the process of a pod that is gone go on for a second or two. One that has not begun yet has
            // nothing to be killed.
            let _ = crash::kill_containers(&pod);
            let name = pod.metadata.name.unwrap_or_default();
            self.api::<Pod>().delete(&name, &now).await?;
        }
        Ok(())
    }

    /// Frees the machine for the next test, without waiting: the operator goes first, so that nobody insists on the
    /// order in which the rest goes. Best effort, since the cluster ends with the run anyway.
    async fn leave(&self) {
        let _ = tools::helm(&self.ground.cluster, &["uninstall", OPERATOR, "-n", &self.namespace]).await;
        let _ = self.platforms.delete(PLATFORM, &DeleteParams::default()).await;
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let _ = self.platforms.patch(PLATFORM, &PatchParams::default(), &free).await;
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let _ = namespaces.delete(&self.namespace, &DeleteParams::default()).await;
    }
}

/// Asks until there is an answer; an error counts as none, until patience ends.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(Some(answer)) => return Ok(answer),
            Err(error) if Instant::now() > deadline => return Err(error).with_context(|| what.to_owned()),
            _ if Instant::now() > deadline => bail!("in vain: {what}"),
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
