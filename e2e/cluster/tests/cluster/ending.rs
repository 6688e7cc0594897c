//! Whatever way a cluster ends, nothing of it stays.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cluster::{Cluster, Lifetime, Options};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::Api;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::support::{STARTS, busybox_image, client, create, name, options, phase, pod, start};
use crate::traces::Traces;

/// Names the cluster of the process that is to be killed.
const VICTIM: &str = "ORION_TEST_VICTIM";

#[tokio::test(flavor = "multi_thread")]
async fn two_clusters_run_at_once_and_stop_without_a_trace() -> Result<()> {
    let one = start("first", 1).await?;
    let other = start("second", 0).await?;
    let traces = [Traces::of(one.state_dir())?, Traces::of(other.state_dir())?];
    ensure!(traces[0].link != traces[1].link);

    let name = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "only-here"}});
    create(&Api::<Namespace>::all(client(&one).await?), name).await?;
    let there = Api::<Namespace>::all(client(&other).await?);
    ensure!(there.get_opt("only-here").await?.is_none(), "the two clusters share their objects");

    one.stop().await?;
    ensure!(traces[0].left().is_empty(), "left: {:?}", traces[0].left());
    there.get("default").await.context("the other goes on")?;
    other.stop().await?;
    ensure!(traces[1].left().is_empty(), "left: {:?}", traces[1].left());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_parent_leaves_nothing() -> Result<()> {
    let name = name("orphan");
    let mut parent = Command::new(std::env::current_exe()?)
        .args(["--exact", "ending::a_parent_that_waits_to_be_killed", "--ignored", "--nocapture"])
        .env(VICTIM, &name)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = std::io::BufReader::new(parent.stdout.take().context("no output")?);
    let (state, _alone) = tokio::join!(
        async {
            let mut line = String::new();
            while !line.starts_with("state ") {
                line.clear();
                if std::io::BufRead::read_line(&mut output, &mut line)? == 0 {
                    bail!("the parent ended by itself");
                }
            }
            Ok(PathBuf::from(line["state ".len()..].trim()))
        },
        STARTS.lock()
    );
    let traces = Traces::of(&state?)?;
    ensure!(!traces.left().is_empty(), "a running cluster has no traces: this test sees nothing");
    parent.kill()?;
    ensure!(parent.wait()?.signal() == Some(9));
    traces.none_left_within(Duration::from_secs(20))
}

#[tokio::test]
#[ignore = "the process that another test kills"]
async fn a_parent_that_waits_to_be_killed() -> Result<()> {
    let Ok(name) = std::env::var(VICTIM) else { return Ok(()) };
    let options = Options { name, ..options("", 1) };
    let cluster = Cluster::start(options, |line| eprintln!("orphan: {line}")).await?;
    cluster.load_image(busybox_image()?).await?;
    // With something on the node that kubelet alone would leave behind.
    let pods = Api::<Pod>::default_namespaced(client(&cluster).await?);
    create(&pods, pod("sleeper", None, "exec busybox sleep 3600")).await?;
    phase(&pods, "sleeper", "Running").await?;
    println!("\nstate {}", cluster.state_dir().display());
    std::future::pending().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_supervisor_leaves_is_cleared_by_the_next_start() -> Result<()> {
    let cluster = start("killed", 1).await?;
    let traces = Traces::of(cluster.state_dir())?;
    let alone = STARTS.lock().await;
    kill(Pid::from_raw(i32::try_from(traces.supervisor)?), Signal::SIGKILL)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while traces.processes().len() > 1 {
        // One may be the supervisor itself, dead but not yet waited for.
        ensure!(Instant::now() < deadline, "still there: {:?}", traces.left());
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(cluster);

    let said = std::sync::Mutex::new(Vec::new());
    let say = |line: &str| said.lock().expect("no other thread").push(line.to_owned());
    let next = Cluster::start(options("next", 0), say).await?;
    drop(alone);
    let said = said.into_inner()?;
    ensure!(said.iter().any(|line| line.contains("cleared what the dead cluster killed")), "said: {said:?}");
    ensure!(traces.left().is_empty(), "left: {:?}", traces.left());
    next.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detached_cluster_is_found_by_its_name_and_outlives_its_handle() -> Result<()> {
    let options = Options { lifetime: Lifetime::Detached, audit_log: true, ..options("detached", 0) };
    let name = options.name.clone();
    {
        let _alone = STARTS.lock().await;
        let cluster = Cluster::start(options.clone(), |line| eprintln!("detached: {line}")).await?;
        ensure!(Cluster::start(options, |_| {}).await.is_err(), "two clusters of one name");
        drop(cluster);
    }
    std::thread::sleep(Duration::from_millis(500));
    let found = Cluster::find(&name).context("the cluster isn't found")?;
    let traces = Traces::of(found.state_dir())?;
    client(&found).await?.apiserver_version().await?;
    let log = std::fs::read_to_string(found.audit_log().context("no audit log")?)?;
    ensure!(log.lines().any(|line| line.contains("/version")), "the audit log doesn't tell of a request");
    found.stop().await?;
    ensure!(Cluster::find(&name).is_none());
    ensure!(traces.left().is_empty(), "left: {:?}", traces.left());
    Ok(())
}
