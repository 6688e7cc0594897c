//! Installs the operator by its Helm chart; skips it when neither chart, values nor image differ.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::images;
use crate::cli::On;
use crate::images::{Built, REGISTRY, VERSION, archive};
use crate::on::Target;
use crate::state::State;
use crate::status::OPERATOR_NAMESPACE;
use crate::{paths, progress, sh};

pub const RELEASE: &str = "orion-operator";

/// How long the operator's pods may take.
const ROLLOUT: Duration = Duration::from_secs(180);

pub fn chart() -> PathBuf {
    paths::root().join("charts").join(RELEASE)
}

pub(super) fn install(
    target: &Target,
    built: &[Built],
    registry: Option<&str>,
    state: &mut State,
) -> Result<bool> {
    let registry = registry.unwrap_or(REGISTRY);
    let image = built.iter().find(|i| i.name == "operator").map_or("", |i| &i.sha256);
    let wanted = archive::sha256_text(&format!("{}{registry}{VERSION}{image}", chart_digest()?));
    let there = deployed(target);
    if there && state.release == wanted && runs(target) {
        progress::unchanged("the operator is installed from this chart and image");
        return Ok(false);
    }
    if there && target.on == On::Current && state.release.is_empty() {
        bail!(
            "an operator that `up` did not install is in {OPERATOR_NAMESPACE} already: apply a platform to it with \
             kubectl, or remove it first with `helm uninstall {RELEASE} --namespace {OPERATOR_NAMESPACE}`"
        );
    }
    // From here on it is ours to remove, however far this gets.
    state.release = "unfinished".into();
    state.write()?;
    progress::step(&format!("install the operator into {OPERATOR_NAMESPACE}"), || {
        super::platform::ensure_namespace(target, OPERATOR_NAMESPACE, state)?;
        upgrade(target, registry, image).map_err(|e| explain(target, e))?;
        wait(target)?;
        let crd = "customresourcedefinition/orionplatforms.orion.dev";
        target.get(&["wait", "--for=condition=Established", crd, "--timeout=60s"])
    })?;
    state.release = wanted;
    state.write()?;
    Ok(true)
}

/// Waits until the new pods run, but not for an image that the nodes cannot get: that needs a person.
fn wait(target: &Target) -> Result<()> {
    let start = Instant::now();
    let deployment = format!("deployment/{RELEASE}");
    let rollout = ["rollout", "status", &deployment, "-n", OPERATOR_NAMESPACE, "--timeout=5s"];
    let mut refused_since = None;
    while let Err(error) = target.get(&rollout) {
        let refused = images::missing(target);
        refused_since = refused.as_ref().map(|_| refused_since.unwrap_or_else(Instant::now));
        if let (Some(image), Some(since)) = (refused, refused_since)
            && since.elapsed() > images::PATIENCE
        {
            bail!("the nodes cannot get the image {image}. {}", images::how_to_supply(target));
        }
        if start.elapsed() > ROLLOUT {
            return Err(explain(target, error));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

fn upgrade(target: &Target, registry: &str, image: &str) -> Result<()> {
    let mut helm = target.helm()?;
    helm.args(["upgrade", "--install", RELEASE]).arg(chart());
    helm.args(["--namespace", OPERATOR_NAMESPACE, "--create-namespace"]);
    for (value, name) in [("image", "operator"), ("storekeeper", "storekeeper")] {
        let image = format!("{value}.repository={registry}/{name},{value}.tag={VERSION}");
        helm.args(["--set-string", &image]);
    }
    if !image.is_empty() {
        // The tag stays the same while developing: this is what makes a new image a new pod.
        helm.args(["--set-string", &format!("podAnnotations.image=sha256-{image}")]);
    }
    sh::output(&mut helm).map(drop)
}

/// What helm knows; a release that failed half-way counts as none.
fn deployed(target: &Target) -> bool {
    let status = target.helm().and_then(|mut helm| {
        sh::output(helm.args(["status", RELEASE, "--namespace", OPERATOR_NAMESPACE, "-o", "json"]))
    });
    let status = status.ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    status.is_some_and(|s| s.pointer("/info/status").is_some_and(|v| v == "deployed"))
}

/// A measurement that was broken off leaves the operator scaled to nothing.
fn runs(target: &Target) -> bool {
    let replicas = ["get", "deployment", RELEASE, "-n", OPERATOR_NAMESPACE];
    let deployment = target.maybe(&replicas).ok().flatten();
    deployment.is_some_and(|d| d.pointer("/status/readyReplicas").and_then(Value::as_u64) > Some(0))
}

fn explain(target: &Target, error: anyhow::Error) -> anyhow::Error {
    let pods =
        target.get(&["get", "pods", "--namespace", OPERATOR_NAMESPACE, "-o", "wide"]).unwrap_or_default();
    error.context(format!(
        "the operator does not start; `cargo xtask logs operator` has its log, {} the cluster's own\n{pods}",
        target.logs()
    ))
}

fn chart_digest() -> Result<String> {
    let mut files = vec![];
    collect(&chart(), &mut files).context("the chart cannot be read")?;
    files.sort();
    let mut all = String::new();
    for file in files {
        all += &format!("{} {}\n", file.display(), archive::sha256_file(&file)?);
    }
    Ok(archive::sha256_text(&all))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
