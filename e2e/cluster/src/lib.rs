//! The project's own Kubernetes: the real programs, built from pinned Go modules, run as plain processes in
//! namespaces of one Linux machine. No container engine, no registry, no route out. Tests and `cargo xtask up` start
//! one in seconds; whatever way it ends, nothing of it stays.
//!
//! Three processes of this crate's one program make a cluster:
//! - the *supervisor* outlives whoever started it, sees the cluster's end and removes what the kernel doesn't;
//! - the *inside* is the first process of a PID and mount namespace that holds everything: its death is the cluster's;
//! - a *node* is the same again, nested: its death is the loss of a machine.

mod archive;
mod cgroups;
mod client;
mod exec;
mod inside;
mod launch;
mod leftovers;
mod lock;
mod machine;
mod node_init;
mod parts;
mod paths;
mod pods;
mod program;
mod supervise;
mod wire;

use serde::{Deserialize, Serialize};

pub use archive::{ImageFile, write_image};
pub use client::Cluster;
pub use leftovers::clear_leftovers;
pub use machine::{Missing, check_machine, enforcement_prerequisites, prerequisites};
pub use parts::{build_parts, part_binary};
pub use pods::in_network_of;

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names the cluster's folder; lower-case letters, digits and dashes.
    pub name: String,
    /// How many nodes to start with; 0 is a control plane alone.
    pub nodes: usize,
    pub lifetime: Lifetime,
    /// Whether the API server writes every request's metadata to a file.
    pub audit_log: bool,
    /// Whether nodes enforce NetworkPolicies. It takes more of the machine: see [`enforcement_prerequisites`].
    pub enforce_policies: bool,
}

/// When a cluster ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifetime {
    /// With the process that started it, however that one ends. For tests.
    WithParent,
    /// When it is told to. For `cargo xtask up`.
    Detached,
}

/// What the program `cluster` does. Its only caller is this crate.
pub fn program() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["supervise", state] => supervise::supervise(state),
        ["inside", state, supervisor] => inside::inside(state, supervisor.parse()?),
        ["node-init", state, name, ip] => node_init::node_init(state, name, ip.parse()?),
        ["sources"] => {
            println!("{}", program::SOURCES);
            Ok(())
        }
        _ => anyhow::bail!(
            "usage: cluster supervise <folder>\nThe library `cluster` starts this program; \
             people use `cargo xtask up`, `status`, `kubectl` and `down`."
        ),
    }
}
