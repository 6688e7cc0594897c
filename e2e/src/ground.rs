//! What all tests of a run stand on: one cluster with the images on its nodes and the resource's definition in its
//! API. It ends with the process, whichever way that ends.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use cluster::{Cluster, Lifetime, Options};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::tools;

/// Where our own images belong.
const OURS: &str = "ghcr.io/orion-platform/";

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
pub async fn ground() -> Result<Arc<Ground>> {
    static GROUND: OnceCell<Arc<Ground>> = OnceCell::const_new();
    GROUND.get_or_try_init(async || prepare("e2e", 2, false).await.map(Arc::new)).await.cloned()
}

/// A cluster of a test's own, for what the others must not feel. It ends with the last who holds it.
pub async fn ground_apart(name: &str, nodes: usize) -> Result<Arc<Ground>> {
    prepare(name, nodes, false).await.map(Arc::new)
}

/// The same with nodes that enforce NetworkPolicies: on the others they are accepted and have no effect.
pub async fn ground_policed(name: &str, nodes: usize) -> Result<Arc<Ground>> {
    prepare(name, nodes, true).await.map(Arc::new)
}

async fn prepare(name: &str, nodes: usize, enforce_policies: bool) -> Result<Ground> {
    // Refused when a test of another crate was first in this process, and then it is there already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let images = images().await?;
    let options = Options {
        name: format!("{name}-{}", std::process::id()),
        nodes,
        lifetime: Lifetime::WithParent,
        audit_log: true,
        enforce_policies,
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
    xtask_images(&[]).await
}

async fn xtask_images(arguments: &[&str]) -> Result<()> {
    let mut command = cargo();
    command.args(["xtask", "images"]).args(arguments);
    if !command.status().await.context("start cargo xtask images")?.success() {
        bail!("`cargo xtask images` failed: what it says is above");
    }
    Ok(())
}

/// cargo, on this repository.
pub(crate) fn cargo() -> tokio::process::Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = tokio::process::Command::new(cargo);
    command.current_dir(root()).stdin(Stdio::null());
    // cargo tells tests about the crate under test; the cargo that is started here works on others.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PKG")) {
        command.env_remove(name);
    }
    command.env_remove("CARGO_MANIFEST_DIR");
    command
}

impl Ground {
    /// A client with an administrator's rights. A test has its own: connections belong to the test's runtime.
    pub async fn client(&self) -> Result<kube::Client> {
        let kubeconfig = Kubeconfig::read_from(self.cluster.kubeconfig())?;
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(kube::Client::try_from(config)?)
    }

    /// Puts one of our images on every node under another tag, as a release of another version would have it.
    pub async fn load_as(&self, name: &str, tag: &str) -> Result<String> {
        let image = self.images.iter().find(|image| image.name == name);
        let image = image.with_context(|| format!("there is no image {name}"))?;
        let reference = format!("{}:{tag}", image.reference.rsplit_once(':').map_or(name, |(path, _)| path));
        let copy = root().join("target/e2e").join(format!("{name}-{tag}.tar"));
        retag(&root().join(&image.archive), &copy, &reference)?;
        self.cluster.load_image(&copy).await?;
        std::fs::remove_file(&copy)?;
        Ok(reference)
    }

    /// Another build of the operator, of a newer version, with what it rolls out: the images of that version, and its
    /// own, are on every node from here on. Gives that version.
    pub async fn load_next(&self) -> Result<String> {
        static NEXT: OnceCell<String> = OnceCell::const_new();
        NEXT.get_or_try_init(|| self.make_next()).await.cloned()
    }

    async fn make_next(&self) -> Result<String> {
        if std::env::var("ORION_E2E_IMAGES").as_deref() != Ok("kept") {
            xtask_images(&["--next"]).await?;
        }
        let archive = root().join("target/images/next-operator.tar");
        let reference = reference_of(&archive)?;
        self.cluster.load_image(&archive).await?;
        let (_, version) = reference.rsplit_once(':').context("an image without a tag")?;
        let ours = self.images.iter().filter(|i| i.reference.starts_with(OURS) && i.name != "operator");
        for image in ours {
            self.load_as(&image.name, version).await?;
        }
        Ok(version.to_owned())
    }

    /// The full name of one of our images.
    pub fn image(&self, name: &str) -> Result<&str> {
        let found = self.images.iter().find(|image| image.name == name);
        found.map(|image| image.reference.as_str()).with_context(|| format!("there is no image {name}"))
    }
}

/// What an archive calls its image.
fn reference_of(archive: &Path) -> Result<String> {
    let file = File::open(archive).with_context(|| format!("read {}", archive.display()))?;
    for entry in tar::Archive::new(file).entries()? {
        let mut entry = entry?;
        if entry.path()? == Path::new("manifest.json") {
            let manifest: Value = serde_json::from_reader(&mut entry)?;
            let tag = manifest[0]["RepoTags"][0].as_str();
            return tag.map(str::to_owned).context("an image without a name");
        }
    }
    bail!("{} is no image's archive", archive.display())
}

/// The same archive, with the image called otherwise.
fn retag(from: &Path, to: &Path, reference: &str) -> Result<()> {
    std::fs::create_dir_all(to.parent().unwrap_or(Path::new("/")))?;
    let mut archive =
        tar::Archive::new(File::open(from).with_context(|| format!("read {}", from.display()))?);
    let mut copy = tar::Builder::new(File::create(to)?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let (mut header, path) = (entry.header().clone(), entry.path()?.into_owned());
        if path != Path::new("manifest.json") {
            copy.append(&header, &mut entry)?;
            continue;
        }
        let mut manifest: Value = serde_json::from_reader(&mut entry)?;
        manifest[0]["RepoTags"] = json!([reference]);
        let manifest = manifest.to_string();
        header.set_size(manifest.len() as u64);
        header.set_cksum();
        copy.append(&header, manifest.as_bytes())?;
    }
    copy.into_inner()?.flush()?;
    Ok(())
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}
