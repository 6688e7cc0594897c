//! What these tests share: clusters with names of their own, a small image, and patience with a limit.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cluster::{Cluster, ImageFile, Lifetime, Options};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, LogParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) const IMAGE: &str = "orion.test/busybox:1";

/// Every start clears what dead clusters left: a test that looks at such things keeps others from starting.
pub(crate) static STARTS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Two test runs on one machine must not meet.
pub(crate) fn name(of: &str) -> String {
    format!("{of}-{}", std::process::id())
}

pub(crate) fn options(of: &str, nodes: usize) -> Options {
    Options {
        name: name(of),
        nodes,
        lifetime: Lifetime::WithParent,
        audit_log: false,
        enforce_policies: false,
    }
}

pub(crate) async fn start(of: &str, nodes: usize) -> Result<Cluster> {
    let _alone = STARTS.lock().await;
    Cluster::start(options(of, nodes), |line| eprintln!("{of}: {line}")).await
}

pub(crate) async fn client(cluster: &Cluster) -> Result<kube::Client> {
    // Fails for the second test of this process, which is fine.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig())?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}

/// An image with busybox and the probe in it, made once.
pub(crate) fn busybox_image() -> Result<&'static Path> {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    if let Some(archive) = ARCHIVE.get() {
        return Ok(archive);
    }
    let program = std::fs::read(busybox()?)?;
    let probe = std::fs::read(cluster::part_binary("probe")?)?;
    let archive = Path::new(env!("CARGO_TARGET_TMPDIR")).join("busybox.tar");
    let unfinished = archive.with_extension(std::process::id().to_string());
    let files = [
        ImageFile { path: "bin/busybox", content: &program, executable: true },
        // Debian's busybox can't resolve names where the C library's own files are missing.
        ImageFile { path: "bin/probe", content: &probe, executable: true },
    ];
    cluster::write_image(&unfinished, IMAGE, &files, &["/bin/busybox"])?;
    // Another process of these tests may be reading it.
    std::fs::rename(&unfinished, &archive)?;
    Ok(ARCHIVE.get_or_init(|| archive))
}

/// Debian's static busybox: the machine's, or unpacked from its package beside the build.
fn busybox() -> Result<PathBuf> {
    let installed = PathBuf::from("/bin/busybox");
    if installed.is_file() {
        return Ok(installed);
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("busybox");
    let unpacked = folder.join("bin/busybox");
    if !unpacked.is_file() {
        std::fs::create_dir_all(&folder)?;
        let script = "(apt-get download busybox-static || (apt-get update && apt-get download busybox-static)) \
                      && dpkg -x busybox-static_*.deb .";
        let status = Command::new("sh").args(["-c", script]).current_dir(&folder).status()?;
        if !status.success() {
            bail!("getting busybox failed: apt-get install busybox-static");
        }
    }
    Ok(unpacked)
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let answer = ask().await;
        match answer {
            Ok(Some(answer)) => return Ok(answer),
            Err(error) if Instant::now() > deadline => return Err(error).with_context(|| what.to_owned()),
            _ if Instant::now() > deadline => bail!("in vain: {what}"),
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

pub(crate) async fn create<K>(api: &Api<K>, object: Value) -> Result<K>
where
    K: kube::Resource + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let object: K = serde_json::from_value(object)?;
    Ok(api.create(&PostParams::default(), &object).await?)
}

/// A pod that runs one line of shell.
pub(crate) fn pod(name: &str, node: Option<&str>, line: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 0, "restartPolicy": "Never",
            "nodeSelector": node.map(|node| json!({"kubernetes.io/hostname": node})),
            "containers": [{"name": "main", "image": IMAGE, "command": ["/bin/busybox", "sh", "-c", line]}],
        },
    })
}

pub(crate) async fn phase(pods: &Api<Pod>, name: &str, phase: &str) -> Result<Pod> {
    let what = format!("the pod {name} is {phase}");
    let reached = eventually(&what, async || {
        let pod = pods.get(name).await?;
        let now = pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
        Ok((now == phase).then_some(pod))
    });
    match reached.await {
        Ok(pod) => Ok(pod),
        Err(error) => {
            let log = pods.logs(name, &LogParams::default()).await.unwrap_or_default();
            let pod = serde_json::to_string(&pods.get(name).await?.status)?;
            Err(error.context(format!("log: {log}\nstatus: {pod}")))
        }
    }
}

pub(crate) async fn gone(pods: &Api<Pod>, name: &str) -> Result<()> {
    pods.delete(name, &DeleteParams::default()).await?;
    eventually("a pod is gone", async || Ok(pods.get_opt(name).await?.is_none().then_some(()))).await
}
