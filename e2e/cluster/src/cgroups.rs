//! Control groups are the one thing of a cluster that the kernel doesn't take away with its processes. Their names
//! carry the supervisor's process id, so that those of a dead cluster can be told from those of a living one, also
//! by a process that knows nothing else of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

const ROOT: &str = "/sys/fs/cgroup";
const PREFIX: &str = "orion-";
/// What kubelet and runc can't do without.
pub(crate) const REQUIRED: &[&str] = &["cpu", "cpuset", "memory", "pids"];

/// Version 2: one hierarchy for all controllers.
fn unified() -> bool {
    Path::new(ROOT).join("cgroup.controllers").exists()
}

pub(crate) fn has(controller: &str) -> bool {
    if !unified() {
        return Path::new(ROOT).join(controller).is_dir();
    }
    let controllers = std::fs::read_to_string(Path::new(ROOT).join("cgroup.controllers")).unwrap_or_default();
    controllers.split_whitespace().any(|one| one == controller)
}

/// Every hierarchy's root folder.
fn hierarchies() -> Vec<PathBuf> {
    if unified() {
        return vec![PathBuf::from(ROOT)];
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir(ROOT)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders
}

/// The control group of a node, as kubelet's cgroupRoot without its leading slash.
pub(crate) fn name(supervisor: u32, node: &str) -> String {
    format!("{PREFIX}{supervisor}-{node}")
}

/// kubelet expects its root to be there, in every hierarchy, with processors and memory to hand on.
pub(crate) fn create(name: &str) -> Result<()> {
    for hierarchy in hierarchies() {
        let folder = hierarchy.join(name);
        if unified() {
            // Refused where something else manages them; kubelet then says what it misses.
            let _ = std::fs::write(hierarchy.join("cgroup.subtree_control"), "+cpu +cpuset +memory +pids");
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let from = hierarchy.join(file);
            if from.exists() && !unified() {
                std::fs::write(folder.join(file), std::fs::read(&from)?)
                    .with_context(|| format!("fill {file}"))?;
            }
        }
    }
    Ok(())
}

/// Removes the groups whose name begins so. Processes that were killed take a moment to leave theirs.
pub(crate) fn remove(prefix: &str, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let mut left = None;
        for folder in find(prefix) {
            left = remove_tree(&folder).err().or(left);
        }
        match left {
            None => return Ok(()),
            Some(error) if Instant::now() > deadline => return Err(error).context("remove control groups"),
            Some(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn find(prefix: &str) -> Vec<PathBuf> {
    hierarchies()
        .iter()
        .flat_map(|hierarchy| std::fs::read_dir(hierarchy).into_iter().flatten().flatten())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

fn remove_tree(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    match std::fs::remove_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The groups of one cluster, all nodes.
pub(crate) fn prefix(supervisor: u32) -> String {
    format!("{PREFIX}{supervisor}-")
}

/// Prefixes of groups whose supervisor is no more.
pub(crate) fn orphans() -> Vec<String> {
    let mut orphans: Vec<String> = find(PREFIX)
        .iter()
        .filter_map(|folder| {
            folder.file_name()?.to_str()?.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
        })
        .filter(|supervisor| !is_supervisor(*supervisor))
        .map(prefix)
        .collect();
    orphans.sort();
    orphans.dedup();
    orphans
}

/// Alive: one that was killed keeps its entry until its parent looks after it, which may be never.
fn is_supervisor(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((name, rest)) = status.split_once(") ") else { return false };
    name.ends_with("(cluster") && !rest.starts_with(['Z', 'X'])
}
