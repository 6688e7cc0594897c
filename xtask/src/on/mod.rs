//! The cluster that everything runs on. Only creating one, loading an image and removing one differ; the rest is
//! kubectl and helm for all of them.

mod current;
mod kind;
mod native;
mod pick;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::cli::On;
use crate::images::Built;
use crate::{progress, sh};

pub use native::wait;
pub use pick::pick;

/// The name of the cluster that `up` makes.
pub const NAME: &str = "orion";

/// A running cluster.
pub struct Target {
    pub on: On,
    /// None: whatever kubectl takes by itself.
    pub kubeconfig: Option<PathBuf>,
    kubectl: PathBuf,
    native: Option<cluster::Cluster>,
}

impl Target {
    /// Creates the cluster where it does not run; says which of both.
    pub fn ensure(on: On, nodes: usize) -> Result<(Self, bool)> {
        if on == On::Current {
            let target = Self::current()?;
            let context = target.get(&["config", "current-context"]).unwrap_or_default();
            progress::unchanged(&format!("the cluster of kubectl's context {} answers", context.trim()));
            return Ok((target, false));
        }
        if let Some(target) = Self::find(on)? {
            progress::unchanged(&format!("cluster {NAME} ({on}) is running"));
            return Ok((target, false));
        }
        let target = if on == On::Kind { kind::create()? } else { native::create(nodes)? };
        Ok((target, true))
    }

    /// A control plane of the project's own, without nodes, beside whatever runs; it ends with this process.
    pub fn stage(name: &str) -> Result<Self> {
        native::stage(name)
    }

    /// The cluster that kubeconfig points to, or an error with kubectl's reason.
    pub fn current() -> Result<Self> {
        current::require()
    }

    /// The cluster if it runs.
    pub fn find(on: On) -> Result<Option<Self>> {
        match on {
            On::Native => native::find(),
            On::Kind => kind::find(),
            On::Current => current::find(),
        }
    }

    /// The cluster that `up` last worked on, if it runs; one that `up` did not get far with counts as well.
    pub fn last() -> Result<Option<Self>> {
        if let Some(on) = crate::state::State::read().on {
            return Self::find(on);
        }
        match native::find()? {
            Some(target) => Ok(Some(target)),
            // Nobody asked for kind: where Docker is not even running there is no such cluster either.
            None => Ok(kind::find().unwrap_or_default()),
        }
    }

    /// The same, or an error that says what to do.
    pub fn running() -> Result<Self> {
        Self::last()?.context("no cluster is up: start one with `cargo xtask up`")
    }

    pub fn kubectl(&self) -> Command {
        self.command(&self.kubectl)
    }

    pub fn helm(&self) -> Result<Command> {
        let helm = if self.on == On::Native { cluster::part_binary("helm")? } else { program("helm")? };
        Ok(self.command(&helm))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        command
    }

    /// What kubectl prints.
    pub fn get(&self, args: &[&str]) -> Result<String> {
        sh::output(self.kubectl().args(args))
    }

    /// An object or a list as JSON.
    pub fn json(&self, args: &[&str]) -> Result<Value> {
        let text = sh::output(self.kubectl().args(args).args(["-o", "json"]))?;
        serde_json::from_str(&text).context("kubectl printed what is not JSON")
    }

    /// The object, or none where there is none.
    pub fn maybe(&self, args: &[&str]) -> Result<Option<Value>> {
        let text = sh::output(self.kubectl().args(args).args(["--ignore-not-found", "-o", "json"]))?;
        if text.trim().is_empty() { Ok(None) } else { Ok(Some(serde_json::from_str(&text)?)) }
    }

    /// Tells one cluster from the next of the same name.
    pub fn uid(&self) -> Result<String> {
        self.get(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"])
    }

    /// Puts an image on every node. Not possible on a cluster that is somebody else's.
    pub fn load(&self, image: &Built) -> Result<()> {
        match (self.on, &self.native) {
            (On::Native, Some(cluster)) => wait(cluster.load_image(&image.path())),
            (On::Kind, _) => kind::load(image),
            _ => Ok(()),
        }
    }

    pub fn can_load(&self) -> bool {
        self.on != On::Current
    }

    /// Where a NodePort is reached from here.
    pub fn address_of_port(&self, port: u64) -> Result<String> {
        if self.on == On::Kind && port == kind::MAPPED_PORT {
            return Ok("127.0.0.1".into());
        }
        if let Some(ip) = self.native.as_ref().and_then(|c| c.node_ips().first().copied()) {
            return Ok(ip.to_string());
        }
        let nodes = self.json(&["get", "nodes"])?;
        let addresses = nodes.pointer("/items/0/status/addresses").and_then(Value::as_array);
        let addresses = addresses.context("the cluster has no node")?;
        let of =
            |kind: &str| addresses.iter().find(|a| a["type"] == kind).and_then(|a| a["address"].as_str());
        let found = of("ExternalIP").or_else(|| of("InternalIP")).context("the first node has no address")?;
        Ok(found.to_owned())
    }

    pub fn audit_log(&self) -> Option<PathBuf> {
        self.native.as_ref().and_then(cluster::Cluster::audit_log)
    }

    /// Who has the cluster's own logs, for who looks for a cause: the beginning of "… the cluster's own".
    pub fn logs(&self) -> String {
        match &self.native {
            Some(cluster) => format!("{}/log has", crate::paths::shown(cluster.state_dir())),
            None if self.on == On::Kind => format!("`kind export logs --name {NAME}` writes"),
            None => "its nodes have".into(),
        }
    }

    /// Removes the cluster itself; one that is somebody else's stays.
    pub fn remove(self) -> Result<()> {
        match (self.on, self.native) {
            (On::Native, Some(cluster)) => wait(cluster.stop()),
            (On::Kind, _) => kind::remove(),
            _ => Ok(()),
        }
    }
}

/// A program of the person's own, or else the one that is built with the native cluster's parts.
fn program(name: &str) -> Result<PathBuf> {
    if let Some(path) = sh::which(name) {
        return Ok(path);
    }
    cluster::part_binary(name).map_err(|error| {
        anyhow!(
            "`{name}` is not installed{}; the project's own cannot be built: {error:#}",
            sh::how_to_install(name)
        )
    })
}
