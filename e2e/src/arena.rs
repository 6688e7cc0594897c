//! One test's own place: a namespace with an operator, and the platform `orion` in it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use operator::api::OrionPlatform;
use serde_json::{Value, json};

use crate::ground::{Ground, ground, ground_apart, root};
use crate::{evidence, status, tools};

/// How long anything may take before a test gives up on it: generous, since no speed is asserted.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// The platform of every test.
pub const PLATFORM: &str = "orion";

/// The release of the chart in the test's namespace, and so the name of the operator's objects.
pub const OPERATOR: &str = "orion-operator";

pub struct Arena {
    pub ground: Arc<Ground>,
    pub client: Client,
    /// Also the test's name.
    pub namespace: String,
    pub platforms: Api<OrionPlatform>,
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

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the test panicked").to_owned()
}

impl Arena {
    async fn new(ground: Arc<Ground>, name: &str) -> Result<Arena> {
        let client = ground.client().await?;
        // As strict as a cluster gets: everything the operator and the chart make must pass.
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some(serde_json::from_value(labels)?),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces.create(&PostParams::default(), &namespace).await.context("make the test's namespace")?;
        let platforms = Api::namespaced(client.clone(), name);
        Ok(Arena { ground, client, namespace: name.to_owned(), platforms })
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn install_operator(&self) -> Result<()> {
        let chart = root().join("charts/orion-operator").display().to_string();
        let arguments = ["install", OPERATOR, &chart, "-n", &self.namespace, "--set", "crds.install=false"];
        let quick = ["--wait", "--timeout", "180s"];
        tools::helm(&self.ground.cluster, &[&arguments[..], &quick[..]].concat()).await.map(drop)
    }

    /// Makes the platform.
    pub async fn apply(&self, spec: Value) -> Result<OrionPlatform> {
        let platform = platform(&self.namespace, spec)?;
        self.platforms.create(&PostParams::default(), &platform).await.context("make the platform")
    }

    /// Changes the platform's spec by a merge patch.
    pub async fn edit(&self, spec: Value) -> Result<OrionPlatform> {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.platforms.patch(PLATFORM, &PatchParams::default(), &patch).await.context("change the platform")
    }

    /// Annotates the platform, as a person tells the operator something; None takes the annotation off.
    pub async fn annotate(&self, name: &str, value: Option<&str>) -> Result<()> {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {name: value}}}));
        self.platforms
            .patch(PLATFORM, &PatchParams::default(), &patch)
            .await
            .context("annotate the platform")?;
        Ok(())
    }

    /// Waits until the platform is as wanted; fails with all that its status says.
    pub async fn until(&self, what: &str, wanted: impl Fn(&OrionPlatform) -> bool) -> Result<OrionPlatform> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let platform = self.platforms.get(PLATFORM).await.context("read the platform")?;
            if wanted(&platform) {
                return Ok(platform);
            }
            if Instant::now() > deadline {
                bail!("in vain: {what}\n{}", status::told(&platform));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub async fn until_ready(&self) -> Result<OrionPlatform> {
        self.until("the platform is ready", status::is_ready).await
    }

    /// The pods of a unit, such as `auth`.
    pub async fn pods(&self, unit: &str) -> Result<Vec<Pod>> {
        let selector = format!("app.kubernetes.io/name={unit},app.kubernetes.io/instance={PLATFORM}");
        Ok(self.api::<Pod>().list(&ListParams::default().labels(&selector)).await?.items)
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

/// The platform object of a test.
pub fn platform(namespace: &str, spec: Value) -> Result<OrionPlatform> {
    let object = json!({
        "apiVersion": "orion.dev/v1alpha1",
        "kind": "OrionPlatform",
        "metadata": {"name": PLATFORM, "namespace": namespace},
        "spec": spec,
    });
    serde_json::from_value(object).context("the test's own platform")
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
