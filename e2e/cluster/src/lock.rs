//! A file lock that says "this cluster is alive". The kernel lets go of it when its holder dies, whatever way that
//! happens, so nobody has to guess from process ids.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// The lock, or nothing where somebody holds it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Lock>> {
        loop {
            let file = File::options()
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("open the lock {}", path.display()))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error).context("lock"),
            }
            // The last holder may have removed the file between opening and locking it: then this is a lock on
            // nothing, and another process may hold one on the file's successor.
            let same = std::fs::metadata(path)
                .is_ok_and(|now| file.metadata().is_ok_and(|own| own.ino() == now.ino()));
            if same {
                return Ok(Some(Lock { path: path.to_path_buf(), _file: file }));
            }
        }
    }

    /// Whether somebody holds it.
    pub(crate) fn is_held(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Lets go and leaves no file behind.
    pub(crate) fn remove(self) {
        // Without the file the next holder makes a new one; a failure leaves an empty file, nothing more.
        let _ = std::fs::remove_file(&self.path);
    }
}
