//! What a machine must have before anything is built: installed where we may, named where we may not.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{paths, progress, sh};

/// Programs that making images and linking need, with the Debian package of each.
const PROGRAMS: &[(&str, &str)] = &[("cc", "build-essential"), ("tar", "tar"), ("chroot", "coreutils")];

/// What it is that a machine gets ready for; each takes all that the ones before it do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum For {
    Images,
    NativeCluster,
    /// Some want a cluster that enforces NetworkPolicies.
    EndToEndTests,
}

/// Installs what it takes, as far as Debian has it.
pub fn install(what: For) -> Result<()> {
    let mut wanted: BTreeSet<&str> =
        PROGRAMS.iter().filter(|(p, _)| sh::which(p).is_none()).map(|p| p.1).collect();
    if !std::path::Path::new("/etc/ssl/certs/ca-certificates.crt").exists() {
        wanted.insert("ca-certificates");
    }
    if what >= For::EndToEndTests {
        wanted.extend(cluster::enforcement_prerequisites().iter().filter_map(|missing| missing.package));
    }
    if what >= For::NativeCluster {
        wanted.extend(cluster::prerequisites().iter().filter_map(|missing| missing.package));
        if sh::which("mmdebstrap").is_none() {
            wanted.insert("mmdebstrap");
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = wanted.into_iter().collect();
    if !sh::is_root() || sh::which("apt-get").is_none() {
        bail!(
            "some programs are missing; install these Debian packages, or what your system calls them: {}",
            list.join(" ")
        );
    }
    progress::step(&format!("install Debian packages: {}", list.join(" ")), || apt_install(&list))
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let log = paths::target().join("xtask/apt.log");
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-y", "-q"]).args(args);
        sh::logged(&mut apt, &log)
    };
    let install: Vec<_> = ["install", "--no-install-recommends"].iter().chain(packages).copied().collect();
    // The lists may be old or missing on a fresh machine; fetching them is only needed when they are.
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)))
}
