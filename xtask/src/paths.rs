//! Where things are, from the root of the repository.

use std::path::PathBuf;

/// The root of the repository: cargo says where this crate is.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = here.filter(|p| p.ends_with("xtask")).unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    here.parent().expect("xtask is a folder of the repository").to_path_buf()
}

/// What is built and cached; always below the root, whatever CARGO_TARGET_DIR says, so that tests find it.
pub fn target() -> PathBuf {
    root().join("target")
}

pub fn images() -> PathBuf {
    target().join("images")
}

/// Root file systems of the data stores, one stable name each.
pub fn rootfs() -> PathBuf {
    images().join("rootfs")
}

/// A path as people see it: relative to the root where it is below it.
pub fn shown(path: &std::path::Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
