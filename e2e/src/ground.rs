//! What all tests of a run stand on: one cluster with the images on its nodes and the resource's definition in its
//! API. It ends with the process, whichever way that ends.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use cluster::{Cluster, Lifetime, Options};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::tools;

/// The namespace of the release that brings the definition, and runs nothing.
pub const SYSTEM: &str = "orion-system";

pub struct Ground {
    pub cluster: Cluster,
    pub images: Vec<Image>,
}

/// One line of `target/images/index.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Image {
    pub name: String,
    pub reference: String,
    archive: PathBuf,
}

/// The one cluster of this run, started by the first who asks.
pub async fn ground() -> Result<&'static Ground> {
    static GROUND: OnceCell<Ground> = OnceCell::const_new();
    GROUND.get_or_try_init(prepare).await
}

async fn prepare() -> Result<Ground> {
    // Refused when a test of another crate was first in this process, and then it is there already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let images = images().await?;
    let options = Options {
        name: format!("e2e-{}", std::process::id()),
        nodes: 2,
        lifetime: Lifetime::WithParent,
        audit_log: true,
    };
    let cluster = Cluster::start(options, |line| eprintln!("e2e: {line}")).await?;
    for image in &images {
        eprintln!("e2e: loading {}", image.reference);
        cluster.load_image(&root().join(&image.archive)).await?;
    }
    let ground = Ground { cluster, images };
    // Through the chart, as everybody gets it. The definition is the cluster's, so only one release may bring it.
    let chart = root().join("charts/orion-operator");
    let chart = chart.to_str().context("the repository's path is not UTF-8")?;
    let install =
        ["install", "orion-operator", chart, "-n", SYSTEM, "--create-namespace", "--set", "replicas=0"];
    tools::helm(&ground.cluster, &install).await?;
    Ok(ground)
}

/// All images, made anew where the code has changed since; with ORION_E2E_IMAGES=kept, those that are there.
async fn images() -> Result<Vec<Image>> {
    if std::env::var("ORION_E2E_IMAGES").as_deref() != Ok("kept") {
        make_images().await?;
    }
    let index = root().join("target/images/index.json");
    let text = std::fs::read(&index).with_context(|| format!("read {}", index.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("read {}", index.display()))
}

async fn make_images() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = tokio::process::Command::new(cargo);
    command.args(["xtask", "images"]).current_dir(root()).stdin(Stdio::null());
    // cargo tells tests about the crate under test; the cargo that is started here works on others.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PKG")) {
        command.env_remove(name);
    }
    command.env_remove("CARGO_MANIFEST_DIR");
    if !command.status().await.context("start cargo xtask images")?.success() {
        bail!("`cargo xtask images` failed: what it says is above");
    }
    Ok(())
}

impl Ground {
    /// A client with an administrator's rights. A test has its own: connections belong to the test's runtime.
    pub async fn client(&self) -> Result<kube::Client> {
        let kubeconfig = Kubeconfig::read_from(self.cluster.kubeconfig())?;
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(kube::Client::try_from(config)?)
    }

    /// The full name of one of our images.
    pub fn image(&self, name: &str) -> Result<&str> {
        let found = self.images.iter().find(|image| image.name == name);
        found.map(|image| image.reference.as_str()).with_context(|| format!("there is no image {name}"))
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}
