//! The network as a pod sees it. Nodes are on this machine, and with them every pod: whoever is root here can open a
//! connection from a pod whose image has no program for it.

use std::fs::File;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns};

/// Does some work in the network namespace of the pod with this uid; threads that it starts are in there, too.
pub fn in_network_of<T: Send + 'static>(uid: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let namespace = format!("/proc/{}/ns/net", process_of(uid)?);
    let namespace = File::open(&namespace).with_context(|| format!("open {namespace}"))?;
    // A thread of its own: it never comes back from there.
    let thread = std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).context("enter a pod's network")?;
        anyhow::Ok(work())
    });
    match thread.join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The oldest process of a pod: its sandbox, which has its namespaces from the start.
fn process_of(uid: &str) -> Result<u32> {
    let group = format!("/pod{uid}/");
    let mut found = None;
    for entry in std::fs::read_dir("/proc").context("list processes")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // It may have ended since.
        let groups = std::fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        if groups.contains(&group) && found.is_none_or(|oldest| pid < oldest) {
            found = Some(pid);
        }
    }
    match found {
        Some(pid) => Ok(pid),
        None => bail!("no process of the pod {uid} runs on this machine"),
    }
}
