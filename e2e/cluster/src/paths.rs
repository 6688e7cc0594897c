//! Where things lie. One place, because the library, the supervisor and the nodes must agree without asking each
//! other, and because a unix socket's path may have no more than 108 bytes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A unix socket's path must be shorter than this; the kernel's own limit is 108 bytes with the closing zero.
const SOCKET_PATH_LIMIT: usize = 104;

/// The workspace this crate was built in.
pub(crate) fn workspace() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.ancestors().nth(2).unwrap_or(crate_dir).to_path_buf()
}

/// Everything this crate makes, other than what the compiler does.
pub(crate) fn target() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let target = if target.is_absolute() { target } else { workspace().join(target) };
    target.join("cluster")
}

pub(crate) fn runs() -> PathBuf {
    target().join("run")
}

/// The folder of one cluster: all that it writes to disk.
#[derive(Clone, Debug)]
pub(crate) struct StateDir(PathBuf);

impl StateDir {
    pub(crate) fn of(name: &str) -> Self {
        StateDir(runs().join(name))
    }

    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        StateDir(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Held by the supervisor as long as it lives. It lies beside the folder, so that it can outlive it: whoever holds
    /// it may remove the folder.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.with_extension("lock")
    }

    pub(crate) fn options(&self) -> PathBuf {
        self.0.join("options.json")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("state.json")
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.0.join("cluster")
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.0.join("kubeconfig")
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.0.join("audit.log")
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.0.join("pki")
    }

    pub(crate) fn log(&self, process: &str) -> PathBuf {
        self.0.join("log").join(format!("{process}.log"))
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.0.join("images")
    }

    pub(crate) fn volumes(&self) -> PathBuf {
        self.0.join("volumes")
    }

    pub(crate) fn node(&self, node: &str) -> PathBuf {
        self.0.join("nodes").join(node)
    }

    /// Where the cluster takes orders. In the state folder where the path is short enough for a socket.
    pub(crate) fn control_socket(&self) -> PathBuf {
        let near = self.0.join("control");
        if near.as_os_str().len() < SOCKET_PATH_LIMIT {
            return near;
        }
        let digest = crate::parts::hex_digest(near.as_os_str().as_encoded_bytes());
        Path::new("/run/orion-cluster").join(&digest[..16])
    }

    /// Makes the folders that several processes write into.
    pub(crate) fn create(&self) -> Result<()> {
        for folder in ["log", "images", "volumes", "nodes", "pki"] {
            let path = self.0.join(folder);
            std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        }
        Ok(())
    }
}
