//! A cluster in Docker, by kind.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{NAME, Target, program};
use crate::cli::On;
use crate::images::Built;
use crate::{paths, progress, sh};

/// As in kind-config.yaml: the one NodePort that is reached without a way to the nodes' own addresses.
pub(super) const MAPPED_PORT: u64 = 30080;

fn kubeconfig() -> PathBuf {
    paths::target().join("xtask/kind.kubeconfig")
}

fn kind(args: &[&str]) -> Command {
    let mut kind = Command::new("kind");
    kind.args(args).args(["--name", NAME]);
    kind
}

/// The cluster if there is one. An engine that does not answer is an error: the cluster comes back with it.
pub(super) fn find() -> Result<Option<Target>> {
    check()?;
    let clusters = sh::output(Command::new("kind").args(["get", "clusters"]))?;
    if !clusters.lines().any(|c| c.trim() == NAME) {
        return Ok(None);
    }
    std::fs::create_dir_all(paths::target().join("xtask"))?;
    sh::output(kind(&["export", "kubeconfig"]).arg("--kubeconfig").arg(kubeconfig()))?;
    target().map(Some)
}

/// Whether Docker and kind are there and Docker's engine answers.
pub(super) fn check() -> Result<()> {
    match Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output() {
        Ok(answer) if answer.status.success() => {}
        Ok(answer) => {
            let said = String::from_utf8_lossy(&answer.stderr).into_owned();
            bail!(
                "Docker's engine does not answer ({}): start it, or use --on native",
                sh::last_lines(said.trim(), 1)
            )
        }
        Err(_) => bail!("`docker` is not installed{}", sh::how_to_install("docker")),
    }
    if sh::which("kind").is_none() {
        bail!("`kind` is not installed{}", sh::how_to_install("kind"));
    }
    Ok(())
}

pub(super) fn create() -> Result<Target> {
    progress::step("start a kind cluster from kind-config.yaml", || {
        std::fs::create_dir_all(paths::target().join("xtask"))?;
        let mut create = kind(&["create", "cluster", "--wait", "180s"]);
        create.arg("--config").arg(paths::root().join("kind-config.yaml"));
        create.arg("--kubeconfig").arg(kubeconfig());
        // In a file: the compiler talks at the same time, and why it failed belongs at the end of everything.
        sh::logged(&mut create, &paths::target().join("xtask/kind.log"))?;
        target()
    })
}

pub(super) fn load(image: &Built) -> Result<()> {
    sh::output(kind(&["load", "image-archive"]).arg(image.path())).map(drop)
}

pub(super) fn remove() -> Result<()> {
    sh::output(kind(&["delete", "cluster"]).arg("--kubeconfig").arg(kubeconfig()))?;
    // Not there is as good.
    let _ = std::fs::remove_file(kubeconfig());
    Ok(())
}

fn target() -> Result<Target> {
    Ok(Target { on: On::Kind, kubeconfig: Some(kubeconfig()), kubectl: program("kubectl")?, native: None })
}
