//! What `up` did, so that the next run does only what is new and `down` knows what to remove.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::cli::On;
use crate::paths;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub on: Option<On>,
    /// Which cluster all of this is about; another one starts with nothing.
    pub cluster_uid: String,
    /// Digest of each image loaded, by its name.
    pub loaded: BTreeMap<String, String>,
    /// What the operator's release was made from; empty as long as the operator is not ours.
    pub release: String,
    /// Platforms applied, as namespace and name.
    pub platforms: BTreeSet<(String, String)>,
    /// Namespaces that were not there before.
    pub namespaces: BTreeSet<String>,
}

fn path() -> std::path::PathBuf {
    paths::target().join("xtask/state.json")
}

impl State {
    /// What is known; nothing when there is no file or it cannot be read.
    pub fn read() -> Self {
        let text = std::fs::read(path()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// What is known of this very cluster.
    pub fn of(on: On, cluster_uid: &str) -> Self {
        let known = State::read();
        if known.on == Some(on) && known.cluster_uid == cluster_uid {
            return known;
        }
        State { on: Some(on), cluster_uid: cluster_uid.to_owned(), ..State::default() }
    }

    pub fn write(&self) -> Result<()> {
        let path = path();
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let partial = path.with_extension("partial");
        std::fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
        Ok(std::fs::rename(partial, path)?)
    }

    pub fn forget() {
        // Not there is as good.
        let _ = std::fs::remove_file(path());
    }
}
