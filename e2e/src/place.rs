//! A test's namespace and the platform `orion` in it: made, changed, and waited for.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, AttachParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use operator::api::OrionPlatform;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::status;

/// The platform of every test.
pub const PLATFORM: &str = "orion";

pub struct Place {
    pub client: Client,
    pub namespace: String,
    pub platforms: Api<OrionPlatform>,
    /// How long anything may take before a test gives up on it: generous, since no speed is asserted.
    pub patience: Duration,
}

impl Place {
    /// Makes the namespace.
    pub async fn new(client: Client, namespace: &str, patience: Duration) -> Result<Place> {
        // As strict as a cluster gets: everything the operator and the chart make must pass.
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let object = Namespace {
            metadata: ObjectMeta {
                name: Some(namespace.to_owned()),
                labels: Some(serde_json::from_value(labels)?),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let namespaces: Api<Namespace> = Api::all(client.clone());
        namespaces.create(&PostParams::default(), &object).await.context("make the test's namespace")?;
        let platforms = Api::namespaced(client.clone(), namespace);
        Ok(Place { client, namespace: namespace.to_owned(), platforms, patience })
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
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
        let annotated = self.platforms.patch(PLATFORM, &PatchParams::default(), &patch).await;
        annotated.map(drop).context("annotate the platform")
    }

    /// Waits until the platform is as wanted; fails with all that its status says.
    pub async fn until(&self, what: &str, wanted: impl Fn(&OrionPlatform) -> bool) -> Result<OrionPlatform> {
        let deadline = Instant::now() + self.patience;
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

    /// What a shell script says in a container of a pod, to standard output and to standard error.
    pub async fn run_in(&self, pod: &str, container: &str, script: &str) -> Result<(String, String)> {
        let how = AttachParams::default().container(container);
        let mut running = self.api::<Pod>().exec(pod, ["sh", "-c", script], &how).await?;
        let (mut said, mut complained) = (String::new(), String::new());
        let (out, err) = (running.stdout(), running.stderr());
        let (mut out, mut err) = (out.context("standard output")?, err.context("standard error")?);
        tokio::try_join!(out.read_to_string(&mut said), err.read_to_string(&mut complained))?;
        running.join().await?;
        Ok((said, complained))
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
