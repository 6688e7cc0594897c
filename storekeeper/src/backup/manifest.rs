//! What a backup consists of. The manifest is written last: a backup without one does not count.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::document::read;
use crate::failure::{Failure, unreadable};

/// The file of a backup that makes it one.
pub const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Of this file; another number is another meaning.
    pub format: u32,
    /// When it was begun, and what it is called.
    pub name: String,
    pub platform: String,
    /// When the last file was whole; none in what is still being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// The storekeeper that made it.
    pub version: String,
    /// Tells the keys with which services seal what they store from others, and nothing about them.
    #[serde(default)]
    pub keys: String,
    pub files: Vec<Entry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Below the backup's folder, as in `postgres/auth_db.dump`.
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
    /// What is in it.
    #[serde(flatten)]
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Content {
    /// A database, in pg_dump's custom format.
    Postgres { database: String, owner: String },
    /// All of Redis, as its own snapshot.
    Redis,
}

impl Manifest {
    pub fn begin(name: String, platform: &str, keys: String) -> Manifest {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Manifest {
            format: FORMAT,
            name,
            platform: platform.to_owned(),
            finished: None,
            version,
            keys,
            files: Vec::new(),
        }
    }

    /// The one of a backup that is being made goes from step to step in a file.
    pub(crate) fn load(path: &Path) -> Result<Manifest, Failure> {
        read(path)
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), Failure> {
        std::fs::write(path, self.to_json()).map_err(|error| unreadable(path, error))
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a manifest has only text, numbers and lists")
    }

    /// From the text of a finished backup's, or why that can't be used.
    pub(crate) fn parse(text: &[u8]) -> Result<Manifest, String> {
        let manifest: Manifest =
            serde_json::from_slice(text).map_err(|error| format!("{MANIFEST}: {error}"))?;
        match manifest.format {
            FORMAT => Ok(manifest),
            other => {
                Err(format!("is of format {other}, which a newer storekeeper reads: this one reads {FORMAT}"))
            }
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}
