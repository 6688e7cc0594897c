//! The document that says what to back up and where to, and the one that says what to restore. The operator writes
//! them, the storekeeper's Jobs carry them out. They name files, never hold a password.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::document::Server;
use crate::failure::{Failure, unreadable};

/// The reader's name in PostgreSQL and in Redis: it may read everything and change nothing.
pub const READER: &str = "orion_backup";

/// What is backed up. A store that is left out runs elsewhere, and is somebody else's to back up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupWork {
    /// Whose data it is, as `namespace/name`.
    pub platform: String,
    pub to: Location,
    pub retention: Retention,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<Source>,
}

/// What is restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreWork {
    /// Whose the data will be, as `namespace/name`.
    pub platform: String,
    pub from: Location,
    /// The backup's name.
    pub backup: String,
    /// The same backup is restored once an attempt, however often the Job runs.
    pub attempt: u32,
    /// Go on although what is sealed in the data can't be opened here.
    #[serde(default)]
    pub ignore_keys: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Server>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<Server>,
}

/// A store and the account that may read all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    pub host: String,
    /// The other instances of a store that has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    pub port: u16,
    pub password_file: PathBuf,
}

/// Where backups are kept: `prefix` is the folder that holds one folder a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Location {
    pub prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3 {
    pub endpoint: String,
    pub bucket: String,
    pub region: String,
    /// The bucket is in the path, not in the host's name.
    #[serde(default)]
    pub path_style: bool,
    pub access_key_id_file: PathBuf,
    pub secret_access_key_file: PathBuf,
    /// The certificate authority to trust instead of the public ones, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// Which complete backups are removed after a new one: those beyond `keep_last`, and those older than `max_age`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retention {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
}

impl RestoreWork {
    /// What marks in the stores that this was done.
    pub(crate) fn request(&self) -> String {
        format!("{}/{}", self.backup, self.attempt)
    }
}

/// One of the two, from its file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = std::fs::read(path).map_err(|error| unreadable(path, error))?;
    serde_json::from_slice(&text).map_err(|error| unreadable(path, error))
}
