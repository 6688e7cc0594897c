//! Nodes: made, given images, and lost.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1 as core;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex, watch};

use super::{Inside, control_plane, node_files, wait_until};
use crate::exec::run_async;
use crate::node_init::{NETWORK_IS_UP, START_ENFORCER, START_KUBELET, UP};
use crate::{cgroups, node_init};

pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) ip: Ipv4Addr,
    number: u8,
    /// The process that made the node's namespaces; they can be entered by way of it, and the node dies with it.
    pid: u32,
    process: Mutex<Child>,
    orders: Mutex<ChildStdin>,
}

impl Inside {
    /// Makes a node and waits until it is Ready. kubelet starts when `api_is_up` says so.
    pub(crate) async fn add_node(&self, name: &str, mut api_is_up: watch::Receiver<bool>) -> Result<()> {
        let number = self.next_number(name).await?;
        let node = Arc::new(self.boot(name, number).await.with_context(|| format!("start the node {name}"))?);
        {
            // Whoever loads an image at this moment either sees this node or is seen by it.
            let _images = self.images.lock().await;
            self.nodes.lock().await.alive.push(node.clone());
            self.load_all(&node).await?;
        }
        self.write_state().await?;
        api_is_up.wait_for(|up| *up).await?;
        node.order(START_KUBELET).await?;
        self.start_dns_once().await?;
        let nodes = kube::Api::<core::Node>::all(self.client.clone());
        let boot = &node.ip.to_string();
        wait_until(
            Duration::from_secs(90),
            &format!("the node {name} is Ready"),
            async || matches!(nodes.get_opt(name).await, Ok(Some(node)) if is_ready(&node, boot)),
        )
        .await?;
        // It looks its own node up and gives up where there is none.
        if self.launch.enforce_policies { node.order(START_ENFORCER).await } else { Ok(()) }
    }

    async fn next_number(&self, name: &str) -> Result<u8> {
        let mut nodes = self.nodes.lock().await;
        if nodes.alive.iter().any(|node| node.name == name) {
            bail!("there is a node {name} already");
        }
        if nodes.last >= 200 {
            bail!("this cluster has had 200 nodes; its addresses are used up");
        }
        nodes.last += 1;
        Ok(nodes.last)
    }

    async fn boot(&self, name: &str, number: u8) -> Result<Node> {
        let cgroup = cgroups::name(self.supervisor, name);
        cgroups::create(&cgroup)?;
        node_files::write(&self.state, &self.network, &self.launch, name, number, &cgroup)?;
        self.pki.node_kubeconfig(&self.state.node(name).join("kubelet.conf"), name)?;
        if self.launch.enforce_policies {
            self.pki.enforcer_kubeconfig(&self.state.node(name).join("kube-router.conf"))?;
        }
        let ip = self.network.node(number);
        let log = node_init::append(&self.state.log(name))?;
        let mut process = Command::new("unshare")
            .args(["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child=KILL"])
            .arg(self.state.program())
            .arg("node-init")
            .arg(self.state.path())
            .args([name, &ip.to_string()])
            .env("PATH", &self.launch.search_path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("start unshare")?;
        let pid = process.id().context("the node has ended")?;
        let output = process.stdout.take().context("the node has no output")?;
        let orders = process.stdin.take().context("the node has no input")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await?;
        if line.trim() != UP {
            bail!("it ended at once");
        }
        let node = Node {
            name: name.into(),
            ip,
            number,
            pid,
            process: Mutex::new(process),
            orders: Mutex::new(orders),
        };
        let network = self.network;
        tokio::task::spawn_blocking(move || network.attach(pid, number)).await??;
        node.order(NETWORK_IS_UP).await?;
        Ok(node)
    }

    /// The names service serves pods: without a node there are none.
    async fn start_dns_once(&self) -> Result<()> {
        let mut nodes = self.nodes.lock().await;
        if !std::mem::replace(&mut nodes.dns, true) {
            control_plane::start_dns(&self.state, &self.network, &self.launch)?;
        }
        Ok(())
    }

    /// Kills a node. Its Node object stays, as after a power cut.
    pub(crate) async fn lose_node(&self, name: &str) -> Result<()> {
        let node = {
            let mut nodes = self.nodes.lock().await;
            let index = nodes.alive.iter().position(|node| node.name == name);
            nodes.alive.remove(index.with_context(|| format!("there is no node {name}"))?)
        };
        self.write_state().await?;
        node.process.lock().await.kill().await.context("kill the node")?;
        let (network, group) = (self.network, cgroups::name(self.supervisor, name));
        let folder = self.state.node(name);
        tokio::task::spawn_blocking(move || {
            network.detach(node.number);
            cgroups::remove(&group, Duration::from_secs(20))?;
            // A new machine of the same name has an empty disk. Volumes lie elsewhere.
            std::fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))
        })
        .await?
    }

    /// Puts one archive onto all nodes.
    pub(crate) async fn load_image(&self, file: &str) -> Result<()> {
        let _images = self.images.lock().await;
        let nodes = self.nodes.lock().await.alive.clone();
        futures::future::try_join_all(nodes.iter().map(|node| self.import(node, file))).await?;
        Ok(())
    }

    /// Puts every archive that the cluster has onto a new node, in the order in which they came.
    async fn load_all(&self, node: &Node) -> Result<()> {
        let mut files: Vec<String> = std::fs::read_dir(self.state.images())?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let running = || run_async(node.enter(&self.launch.search_path, &["ctr", "version"]));
        wait_until(Duration::from_secs(30), "containerd runs", async || running().await.is_ok()).await?;
        for file in files {
            self.import(node, &file).await?;
        }
        Ok(())
    }

    async fn import(&self, node: &Node, file: &str) -> Result<()> {
        let path = self.state.images().join(file).display().to_string();
        let command =
            node.enter(&self.launch.search_path, &["ctr", "-n", "k8s.io", "images", "import", &path]);
        run_async(command).await.with_context(|| format!("load an image onto the node {}", node.name))?;
        Ok(())
    }
}

impl Node {
    async fn order(&self, order: &str) -> Result<()> {
        let mut orders = self.orders.lock().await;
        orders.write_all(format!("{order}\n").as_bytes()).await.context("tell the node")?;
        orders.flush().await.context("tell the node")
    }

    /// A command that sees the node's files.
    pub(super) fn enter(&self, search_path: &str, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.pid))
            .arg("--")
            .args(words)
            .env("PATH", search_path);
        command
    }
}

/// Ready at this address: a lost node's object of the same name may still say that it is Ready.
fn is_ready(node: &core::Node, ip: &str) -> bool {
    let Some(status) = &node.status else { return false };
    let here = status.addresses.iter().flatten().any(|address| address.address == ip);
    let ready = status.conditions.iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True");
    let tainted = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()).next().is_some();
    here && ready && !tainted
}
