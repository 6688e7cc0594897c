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

/// Programs that the enforcer of NetworkPolicies runs, and the Debian package each comes from.
const ENFORCEMENT_PROGRAMS: &[(&str, &str)] =
    &[("iptables", "iptables"), ("iptables-restore", "iptables"), ("ipset", "ipset")];

/// What one kernel must allow beyond that for NetworkPolicies to be enforced.
const ENFORCEMENT_PROBES: &[(&str, &str)] = &[
    (
        "a bridge's packets to be filtered (module br_netfilter)",
        "echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables",
    ),
    (
        "rules over sets of addresses (modules ip_set_hash_ip, ip_set_hash_net, xt_set, xt_addrtype, xt_physdev, xt_NFLOG)",
        "ipset create probe hash:ip && ipset create probes hash:net && iptables -N PROBE \
         && iptables -A PROBE -m set --match-set probe src -m set --match-set probes dst -j MARK --set-xmark 0x1/0x1 \
         && iptables -A PROBE -m addrtype --src-type LOCAL -m conntrack --ctstate NEW -j ACCEPT \
         && iptables -A PROBE -m mark --mark 0x1/0x1 -m limit --limit 1/minute -j NFLOG --nflog-group 100 \
         && iptables -A FORWARD -m physdev --physdev-is-bridged -m comment --comment probe -j PROBE \
         && iptables -A PROBE -j REJECT",
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
        missing.extend(refused(PROBES));
        missing.extend(controllers());
    }
    missing
}

/// Everything beyond [`prerequisites`] that this machine lacks for a cluster that enforces NetworkPolicies.
pub fn enforcement_prerequisites() -> Vec<Missing> {
    let lacking = ENFORCEMENT_PROGRAMS.iter().filter(|(program, _)| find_program(program).is_none());
    let missing: Vec<Missing> = lacking
        .map(|(program, package)| Missing {
            message: format!("the program {program} is missing: apt-get install {package}"),
            package: Some(package),
        })
        .collect();
    if missing.is_empty() { refused(ENFORCEMENT_PROBES) } else { missing }
}

/// The same as one line each, for those who only want to know whether to go on.
pub fn check_machine() -> Result<(), Vec<String>> {
    let missing: Vec<String> = prerequisites().into_iter().map(|missing| missing.message).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}

/// The probes that this kernel refuses, and why.
fn refused(probes: &[(&str, &str)]) -> Vec<Missing> {
    let mut missing = Vec::new();
    for (what, script) in probes {
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
    missing
}

fn controllers() -> impl Iterator<Item = Missing> {
    let lacking = crate::cgroups::REQUIRED.iter().filter(|controller| !crate::cgroups::has(controller));
    lacking.map(|controller| Missing {
        message: format!("the cgroup controller {controller} isn't mounted under /sys/fs/cgroup"),
        package: None,
    })
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
