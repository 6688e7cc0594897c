//! Volumes that can be full: memory of the size that the claim asks for, mounted on the claim's node. The volumes of
//! the other class are folders of this machine, and only its own disk limits them.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Inside;
use crate::exec::run_async;

impl Inside {
    /// Mounts such a volume there, once, or gives the one that is there another size.
    pub(crate) async fn mount_sized(&self, name: &str, folder: &Path, size: &str) -> Result<()> {
        let node = {
            let nodes = self.nodes.lock().await;
            let node = nodes.alive.iter().find(|node| node.name == name).cloned();
            node.with_context(|| format!("there is no node {name}"))?
        };
        let (folder, size) = (folder.display().to_string(), bytes(size)?);
        let script = format!(
            "if mountpoint -q '{folder}'; then mount -o remount,size={size} '{folder}'; \
             else mount -t tmpfs -o size={size},mode=0777 tmpfs '{folder}'; fi"
        );
        run_async(node.enter(&self.launch.search_path, &["sh", "-c", &script])).await.map(drop)
    }

    /// Gives its memory back. Where its node is gone, that went with it.
    pub(crate) async fn unmount_sized(&self, folder: &Path) -> Result<()> {
        let nodes = self.nodes.lock().await.alive.clone();
        let folder = folder.display().to_string();
        let script = format!("! mountpoint -q '{folder}' || umount '{folder}'");
        for node in nodes {
            run_async(node.enter(&self.launch.search_path, &["sh", "-c", &script])).await?;
        }
        Ok(())
    }
}

/// What claims ask for in tests: a whole number of Mi or Gi.
fn bytes(size: &str) -> Result<u64> {
    let (number, shift) = match (size.strip_suffix("Mi"), size.strip_suffix("Gi")) {
        (Some(number), _) => (number, 20),
        (_, Some(number)) => (number, 30),
        _ => bail!("a volume of {size}: ask for a whole number of Mi or Gi"),
    };
    Ok(number.parse::<u64>().with_context(|| format!("a volume of {size}"))? << shift)
}
