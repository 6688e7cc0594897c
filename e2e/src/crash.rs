//! What nobody is asked about: the processes of pods are this machine's, and can be killed from here as the kernel
//! kills a process for memory; so are their disks, and can be filled.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Kills the first process of each of the pod's containers, and all others of the container with it. The pod stays, and
/// so do its volumes; kubelet learns of it as of any crash.
pub fn kill_containers(pod: &Pod) -> Result<()> {
    let first = first_processes(pod)?;
    ensure!(!first.is_empty(), "{} has no process", pod.name_any());
    for process in first {
        kill(Pid::from_raw(process), Signal::SIGKILL).with_context(|| format!("kill {}", pod.name_any()))?;
    }
    Ok(())
}

/// Writes into a file of the pod's container until there is no room left. The file is given.
pub fn fill(pod: &Pod, folder: &str) -> Result<PathBuf> {
    let [process] = first_processes(pod)?[..] else { bail!("{} has several containers", pod.name_any()) };
    let path = PathBuf::from(format!("/proc/{process}/root{folder}/ballast"));
    let mut file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    // Ever smaller pieces: the last byte counts.
    let mut piece = vec![0x5a; 1 << 20];
    while !piece.is_empty() {
        match file.write(&piece) {
            Ok(1..) => {}
            Ok(0) => piece.truncate(piece.len() / 2),
            Err(error) if error.kind() == ErrorKind::StorageFull => piece.truncate(piece.len() / 2),
            Err(error) => return Err(error).with_context(|| format!("fill {}", path.display())),
        }
    }
    Ok(path)
}

fn first_processes(pod: &Pod) -> Result<Vec<i32>> {
    let uid = pod.uid().context("a pod without a uid")?;
    let group = format!("pod{uid}/");
    let processes = std::fs::read_dir("/proc")?.flatten().map(|entry| entry.path());
    Ok(processes.filter_map(|process| first_of_container(&process, &group)).collect())
}

/// The process, if it is the first of a container of this control group, and not of the pod's sandbox.
fn first_of_container(process: &Path, group: &str) -> Option<i32> {
    let pid = process.file_name()?.to_str()?.parse().ok()?;
    if !std::fs::read_to_string(process.join("cgroup")).ok()?.contains(group) {
        return None;
    }
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let first = field("NSpid:")?.split_whitespace().last() == Some("1");
    (first && field("Name:") != Some("pause")).then_some(pid)
}
