//! The programs that people use, run against the test's cluster.

use std::process::{Output, Stdio};

use anyhow::{Context, Result, bail};
use cluster::Cluster;

pub async fn helm(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    run(cluster, "helm", arguments).await
}

pub async fn kubectl(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    run(cluster, "kubectl", arguments).await
}

async fn run(cluster: &Cluster, program: &str, arguments: &[&str]) -> Result<String> {
    let output = output(cluster, program, arguments).await?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}\n{stdout}{stderr}", arguments.join(" "), output.status);
    }
    Ok(stdout)
}

/// Whatever comes of it.
pub async fn output(cluster: &Cluster, program: &str, arguments: &[&str]) -> Result<Output> {
    tokio::process::Command::new(cluster::part_binary(program)?)
        .args(arguments)
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("HELM_CACHE_HOME", crate::ground::root().join("target/e2e/helm"))
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("start {program}"))
}
