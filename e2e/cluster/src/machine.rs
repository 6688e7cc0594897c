//! Whether this machine can run a cluster, said before anything is built or started. Each line names what is missing
//! and what to install or do, because whoever reads it has to act on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something the machine lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// One line for a person: what is missing and what to do about it.
    pub message: String,
    /// The Debian package that brings it, where one does.
    pub package: Option<&'static str>,
}

/// Programs, and the Debian package each comes from.
const PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
    ("gcc", "gcc"),
];

/// What one kernel must allow, tried in namespaces of its own so that nothing is changed.
const PROBES: &[(&str, &str)] = &[
    ("network and mount namespaces", "true"),
    ("bridges (module bridge)", "ip link add probe type bridge"),
    ("virtual Ethernet pairs (module veth)", "ip link add probe type veth peer name probe2"),
    (
        "nftables with address translation (modules nf_tables and nft_nat)",
        "nft add table ip probe && nft 'add chain ip probe nat { type nat hook postrouting priority 100; }' \
         && nft add rule ip probe nat masquerade",
    ),
    (
        "overlay file systems (module overlay)",
        "mount -t tmpfs tmpfs /mnt && mkdir /mnt/a /mnt/b /mnt/c /mnt/d \
         && mount -t overlay overlay -o lowerdir=/mnt/a,upperdir=/mnt/b,workdir=/mnt/c /mnt/d",
    ),
];

/// Everything this machine lacks; empty when a cluster can run. A caller that may install packages finds their names.
pub fn prerequisites() -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut lack = |message: String, package| missing.push(Missing { message, package });
    if !nix::unistd::geteuid().is_root() {
        lack(
            "not root: a cluster makes namespaces, mounts and links; run this as root (sudo -E)".into(),
            None,
        );
    }
    for (program, package) in PROGRAMS {
        if find_program(program).is_none() {
            lack(format!("the program {program} is missing: apt-get install {package}"), Some(package));
        }
    }
    if let Err(error) = crate::parts::go_program() {
        lack(error.to_string(), None);
    }
    if !Path::new("/usr/include/seccomp.h").is_file() {
        lack(
            "the headers of libseccomp are missing: apt-get install libseccomp-dev".into(),
            Some("libseccomp-dev"),
        );
    }
    if !Path::new("/usr/include/stdlib.h").is_file() {
        lack("the C library's headers are missing: apt-get install libc6-dev".into(), Some("libc6-dev"));
    }
    if find_program("pkg-config").is_none() {
        lack("the program pkg-config is missing: apt-get install pkg-config".into(), Some("pkg-config"));
    }
    // A probe that fails for want of its own program would only repeat what has been said.
    if missing.is_empty() {
        missing.extend(kernel());
    }
    missing
}

/// The same as one line each, for those who only want to know whether to go on.
pub fn check_machine() -> Result<(), Vec<String>> {
    let missing: Vec<String> = prerequisites().into_iter().map(|missing| missing.message).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}

fn kernel() -> Vec<Missing> {
    let mut missing = Vec::new();
    for (what, script) in PROBES {
        let done = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script])
            .env("PATH", search_path())
            .stdin(Stdio::null())
            .output();
        let reason = match done {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        let message = format!("this kernel or container doesn't allow {what}: {reason}");
        missing.push(Missing { message, package: None });
    }
    for controller in crate::cgroups::REQUIRED {
        if !crate::cgroups::has(controller) {
            let message = format!("the cgroup controller {controller} isn't mounted under /sys/fs/cgroup");
            missing.push(Missing { message, package: None });
        }
    }
    missing
}

/// A program on PATH, or in the folders for administration that a plain user's PATH leaves out.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&search_path())
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

fn search_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin:/usr/bin:/bin");
    path
}
