//! Installs the operator by its Helm chart; skips it when neither chart, values nor image differ.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::images::{Built, REGISTRY, VERSION, archive};
use crate::on::Target;
use crate::state::State;
use crate::status::OPERATOR_NAMESPACE;
use crate::{paths, progress, sh};

pub const RELEASE: &str = "orion-operator";

pub fn chart() -> PathBuf {
    paths::root().join("charts").join(RELEASE)
}

pub(super) fn install(target: &Target, built: &[Built], state: &mut State) -> Result<bool> {
    let image = built.iter().find(|i| i.name == "operator").map_or("", |i| &i.sha256);
    let wanted = archive::sha256_text(&format!("{}{REGISTRY}{VERSION}{image}", chart_digest()?));
    if state.release == wanted && deployed(target) {
        progress::unchanged("the operator is installed from this chart and image");
        return Ok(false);
    }
    progress::step(&format!("install the operator into {OPERATOR_NAMESPACE}"), || {
        super::platform::ensure_namespace(target, OPERATOR_NAMESPACE, state)?;
        upgrade(target, image).map_err(|e| explain(target, e))?;
        let wait = [
            "rollout",
            "status",
            &format!("deployment/{RELEASE}"),
            "-n",
            OPERATOR_NAMESPACE,
            "--timeout=180s",
        ];
        target.get(&wait).map_err(|e| explain(target, e))?;
        let crd = "customresourcedefinition/orionplatforms.orion.dev";
        target.get(&["wait", "--for=condition=Established", crd, "--timeout=60s"])
    })?;
    state.release = wanted;
    state.write()?;
    Ok(true)
}

fn upgrade(target: &Target, image: &str) -> Result<()> {
    let mut helm = target.helm()?;
    helm.args(["upgrade", "--install", RELEASE]).arg(chart());
    helm.args(["--namespace", OPERATOR_NAMESPACE, "--create-namespace"]);
    helm.args(["--set-string", &format!("image.repository={REGISTRY}/operator,image.tag={VERSION}")]);
    // The tag stays the same while developing: this is what makes a new image a new pod.
    helm.args(["--set-string", &format!("podAnnotations.image=sha256-{image}")]);
    sh::output(&mut helm).map(drop)
}

/// What helm knows; a release that failed half-way counts as none.
fn deployed(target: &Target) -> bool {
    let status = target.helm().and_then(|mut helm| {
        sh::output(helm.args(["status", RELEASE, "--namespace", OPERATOR_NAMESPACE, "-o", "json"]))
    });
    let status = status.ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    status.is_some_and(|s| s.pointer("/info/status").is_some_and(|v| v == "deployed")) && runs(target)
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
        "the operator does not start; `cargo xtask logs operator` has its log, {} the cluster's.\n{pods}",
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
