//! The programs a Kubernetes is made of, built from pinned Go modules. Each part has a folder with its own go.mod and
//! go.sum (their dependencies disagree with one another) and is kept by content: the same pins, flags and compiler give
//! the same folder, so a second build is a look at the disk.
//!
//! To move a part to another version, run `go get -tool <import path>@<version>` in its folder. For Kubernetes, set the
//! version in `require` and in every `replace` (its own modules have no other version there), then `go get` each
//! program, and change the version that is linked in below.

mod build;

use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

pub(crate) use build::{build_missing, go as go_program};

const STRIPPED: &str = "-s -w";
const KUBERNETES: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
                          -X k8s.io/client-go/pkg/version.gitVersion=v1.36.3";
const HELM: &str = "-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1";

/// One folder under `parts/`, and the programs that come out of it.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Program and the import path it is built from.
    programs: &'static [(&'static str, &'static str)],
    ldflags: &'static str,
    tags: &'static str,
    /// runc alone needs a C compiler: it enters namespaces before Go's runtime starts.
    cgo: bool,
}

/// In the order in which they are built: what takes seconds first, so that a mistake shows early.
pub(crate) const PARTS: &[Part] = &[
    Part {
        name: "pause",
        programs: &[("pause", "."), ("probe", "./probe")],
        ldflags: STRIPPED,
        tags: "",
        cgo: false,
    },
    Part {
        name: "cni",
        programs: &[
            ("bridge", "github.com/containernetworking/plugins/plugins/main/bridge"),
            ("loopback", "github.com/containernetworking/plugins/plugins/main/loopback"),
            ("host-local", "github.com/containernetworking/plugins/plugins/ipam/host-local"),
            ("portmap", "github.com/containernetworking/plugins/plugins/meta/portmap"),
        ],
        ldflags: STRIPPED,
        tags: "",
        cgo: false,
    },
    Part {
        name: "runc",
        programs: &[("runc", "github.com/opencontainers/runc")],
        ldflags: STRIPPED,
        tags: "seccomp",
        cgo: true,
    },
    Part {
        name: "etcd",
        programs: &[("etcd", "go.etcd.io/etcd/server/v3")],
        ldflags: STRIPPED,
        tags: "",
        cgo: false,
    },
    Part {
        name: "containerd",
        programs: &[
            ("containerd", "github.com/containerd/containerd/v2/cmd/containerd"),
            ("containerd-shim-runc-v2", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"),
            ("ctr", "github.com/containerd/containerd/v2/cmd/ctr"),
        ],
        ldflags: "-s -w -X github.com/containerd/containerd/v2/version.Version=2.4.2",
        tags: "",
        cgo: false,
    },
    Part { name: "coredns", programs: &[("coredns", ".")], ldflags: STRIPPED, tags: "", cgo: false },
    Part {
        name: "kubernetes",
        programs: &[
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
            ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
            ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ],
        ldflags: KUBERNETES,
        tags: "",
        cgo: false,
    },
    Part {
        name: "helm",
        programs: &[("helm", "helm.sh/helm/v4/cmd/helm")],
        ldflags: HELM,
        tags: "",
        cgo: false,
    },
];

/// What enforces NetworkPolicies on a node: kube-router, its firewall alone. Newer versions than 2.1.0
/// could not be had as a Go module; tests are all that it runs under.
pub(crate) const ENFORCER: &[Part] = &[Part {
    name: "kube-router",
    programs: &[("kube-router", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router")],
    ldflags: STRIPPED,
    tags: "",
    cgo: false,
}];

/// What no cluster needs: programs that tests run beside one.
const TOOLS: &[Part] = &[
    Part {
        name: "s3",
        programs: &[("versitygw", "github.com/versity/versitygw/cmd/versitygw")],
        ldflags: STRIPPED,
        tags: "",
        cgo: false,
    },
    // What Argo CD, Flux, kstatus and Prometheus make of a platform, by their own code.
    Part { name: "readers", programs: &[("readers", ".")], ldflags: STRIPPED, tags: "", cgo: false },
    Part {
        name: "kwok",
        programs: &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
        ldflags: STRIPPED,
        tags: "",
        cgo: false,
    },
];

impl Part {
    /// The folder with its go.mod.
    fn source(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("parts").join(self.name)
    }

    /// Its pins and, of the few that have some, its own code.
    fn sources(&self) -> Result<Vec<PathBuf>> {
        let mut folders = vec![self.source()];
        let mut files = vec![];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
            for path in entries.map(|entry| entry.map(|entry| entry.path())) {
                let path = path?;
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        Ok(files)
    }

    /// The folder its programs are in, once built.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        let mut hash = Sha256::new();
        for path in self.sources()? {
            hash.update(std::fs::read(&path).with_context(|| format!("read {}", path.display()))?);
            hash.update([0]);
        }
        for flag in [self.ldflags, self.tags, if self.cgo { "cgo" } else { "" }, build::go_version()?] {
            hash.update(flag);
            hash.update([0]);
        }
        for (program, package) in self.programs {
            hash.update(format!("{program}={package}\n"));
        }
        let digest = hex(&hash.finalize());
        Ok(parts_folder().join(format!("{}-{}", self.name, &digest[..16])))
    }
}

fn parts_folder() -> PathBuf {
    crate::paths::target().join("parts")
}

/// Builds every part of a cluster that is missing, and what enforces policies: what takes minutes the first time, done before somebody waits for a cluster.
pub fn build_parts() -> Result<()> {
    build_missing(PARTS, &|line| eprintln!("{line}"))?;
    build_missing(ENFORCER, &|line| eprintln!("{line}"))
}

/// The path of one program (`kubectl`, `helm`, `kubelet`, …), its part built first where it is missing. That part
/// alone: who has a cluster and wants helm needs neither an etcd nor what runc is linked with.
pub fn part_binary(name: &str) -> Result<PathBuf> {
    let part = PARTS
        .iter()
        .chain(TOOLS)
        .find(|part| part.programs.iter().any(|(program, _)| *program == name))
        .with_context(|| format!("no part has a program named {name}"))?;
    let path = part.folder()?.join(name);
    if !path.is_file() {
        build_missing(std::slice::from_ref(part), &|line| eprintln!("{line}"))?;
    }
    Ok(path)
}

/// The folders of a cluster's parts in the form of PATH: containerd finds its shim and kubelet its helpers there.
pub(crate) fn search_path(enforce_policies: bool) -> Result<String> {
    let mut folders = Vec::new();
    let enforcer = if enforce_policies { ENFORCER } else { &[] };
    for part in PARTS.iter().chain(enforcer) {
        folders.push(part.folder()?.display().to_string());
    }
    folders.push("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    Ok(folders.join(":"))
}

pub(crate) fn hex_digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
