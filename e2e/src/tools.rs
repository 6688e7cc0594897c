//! The programs that people use, run against the test's cluster.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use anyhow::{Context, Result, bail};
use cluster::Cluster;
use serde_json::Value;
use tokio::sync::OnceCell;

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

/// The command-line client as it is built, as a person runs it.
pub async fn orion(cluster: &Cluster, arguments: &[&str]) -> Result<Output> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    let program = BUILT.get_or_try_init(build_orion).await?;
    tokio::process::Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", cluster.kubeconfig())
        .stdin(Stdio::null())
        .output()
        .await
        .context("start orion")
}

async fn build_orion() -> Result<PathBuf> {
    let mut command = crate::ground::cargo();
    command.args(["build", "--quiet", "--package", "cli", "--bin", "orion", "--message-format=json"]);
    let built = command.stderr(Stdio::inherit()).output().await.context("start cargo build")?;
    if !built.status.success() {
        bail!("`cargo build --package cli` failed: what it says is above");
    }
    let lines = String::from_utf8_lossy(&built.stdout).into_owned();
    let messages = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next_back().context("cargo built no program")
}
