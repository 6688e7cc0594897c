//! A cluster in Docker, by kind.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

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

pub(super) fn find() -> Result<Option<Target>> {
    if sh::which("kind").is_none() {
        return Ok(None);
    }
    let clusters = sh::output(Command::new("kind").args(["get", "clusters"])).unwrap_or_default();
    if !clusters.lines().any(|c| c.trim() == NAME) {
        return Ok(None);
    }
    let text = sh::output(&mut kind(&["get", "kubeconfig"]))?;
    std::fs::create_dir_all(paths::target().join("xtask"))?;
    std::fs::write(kubeconfig(), text)?;
    target().map(Some)
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
