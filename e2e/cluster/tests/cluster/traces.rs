//! What can be seen of a cluster from outside of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Where a cluster can be seen.
pub(crate) struct Traces {
    pub(crate) state: PathBuf,
    pub(crate) supervisor: u64,
    pub(crate) link: String,
    /// The kernel's number of that link: its name may be used again.
    number: String,
}

impl Traces {
    pub(crate) fn of(state: &Path) -> Result<Traces> {
        let text = std::fs::read(state.join("state.json"))?;
        let known: serde_json::Value = serde_json::from_slice(&text)?;
        let supervisor = known["supervisor"].as_u64().context("no supervisor")?;
        let link = format!("orion{}", known["index"]);
        Ok(Traces { state: state.to_path_buf(), supervisor, link, number: known["link"].to_string() })
    }

    pub(crate) fn left(&self) -> Vec<String> {
        let folder = self.state.exists().then(|| self.state.display().to_string());
        [self.processes(), self.mounts(), self.links(), self.cgroups(), folder.into_iter().collect()].concat()
    }

    pub(crate) fn none_left_within(&self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !self.left().is_empty() {
            ensure!(Instant::now() < deadline, "left: {:?}", self.left());
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Everything that was started with the cluster's folder among its words.
    pub(crate) fn processes(&self) -> Vec<String> {
        let folder = self.state.display().to_string();
        each_process("cmdline").filter(|words| words.contains(&folder)).collect()
    }

    /// As any process on the machine sees them.
    fn mounts(&self) -> Vec<String> {
        let folder = self.state.display().to_string();
        let mut mounts: Vec<String> = each_process("mounts")
            .flat_map(|all| all.lines().map(str::to_owned).collect::<Vec<_>>())
            .filter(|mount| mount.contains(&folder))
            .collect();
        mounts.sort();
        mounts.dedup();
        mounts
    }

    pub(crate) fn links(&self) -> Vec<String> {
        let number = std::fs::read_to_string(format!("/sys/class/net/{}/ifindex", self.link));
        let there = number.is_ok_and(|number| number.trim() == self.number);
        there.then(|| self.link.clone()).into_iter().collect()
    }

    pub(crate) fn cgroups(&self) -> Vec<String> {
        let prefix = format!("orion-{}-", self.supervisor);
        let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        hierarchies
            .flat_map(|hierarchy| std::fs::read_dir(hierarchy.path()).into_iter().flatten().flatten())
            .chain(std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten())
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .map(|entry| entry.path().display().to_string())
            .collect()
    }
}

fn each_process(file: &'static str) -> impl Iterator<Item = String> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(move |entry| std::fs::read(entry.path().join(file)).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
}
