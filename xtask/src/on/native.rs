//! The project's own Kubernetes: needs root and a few Debian packages, no container engine.

use std::future::Future;

use anyhow::{Context, Result};
use cluster::{Cluster, Lifetime, Options};

use super::{NAME, Target};
use crate::cli::On;
use crate::progress;

/// Runs one asynchronous call to its end; everything else here is plain and blocking.
pub fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(work)
}

pub(super) fn find() -> Result<Option<Target>> {
    Cluster::find(NAME).map(target).transpose()
}

/// A control plane without nodes, which ends with this process.
pub(super) fn stage(name: &str) -> Result<Target> {
    let options = Options {
        name: name.into(),
        nodes: 0,
        lifetime: Lifetime::WithParent,
        audit_log: true,
        enforce_policies: false,
    };
    target(wait(Cluster::start(options, progress::note))?)
}

pub(super) fn create(nodes: usize) -> Result<Target> {
    progress::step(&format!("start the project's own Kubernetes, {nodes} nodes"), || {
        let options = Options {
            name: NAME.into(),
            nodes,
            lifetime: Lifetime::Detached,
            audit_log: true,
            enforce_policies: false,
        };
        target(wait(Cluster::start(options, progress::note))?)
    })
}

fn target(cluster: Cluster) -> Result<Target> {
    let kubeconfig = Some(cluster.kubeconfig().to_path_buf());
    let kubectl = cluster::part_binary("kubectl")?;
    Ok(Target { on: On::Native, kubeconfig, kubectl, native: Some(cluster) })
}
