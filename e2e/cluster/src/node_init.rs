//! The first process of a node: it lays out the node's own file system view, keeps containerd, kubelet and kube-proxy
//! running, and reaps what the container shims leave. Its death takes all of the node with it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::wait::{WaitPidFlag, waitpid};

use crate::inside::network::SERVICES;
use crate::paths::StateDir;

/// What the inside says to a node, in this order.
pub(crate) const NETWORK_IS_UP: &str = "network";
pub(crate) const START_KUBELET: &str = "kubelet";
/// Where the cluster enforces NetworkPolicies.
pub(crate) const START_ENFORCER: &str = "kube-router";
/// Of the network namespace of whoever writes it.
const FILTER_BRIDGES: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";
/// What a node says first: its namespaces exist.
pub(crate) const UP: &str = "up";

pub(crate) fn node_init(state: &str, name: &str, ip: Ipv4Addr) -> Result<()> {
    let state = StateDir::at(state);
    let mut out = std::io::stdout();
    out.write_all(format!("{UP}\n").as_bytes())?;
    out.flush()?;
    let orders = orders();
    if orders.recv().ok().as_deref() != Some(NETWORK_IS_UP) {
        bail!("the cluster ended before this node's network was up");
    }
    file_systems(&state, name)?;
    nix::unistd::sethostname(name).context("set the host name")?;
    let mut node = Node { state, name: name.to_owned(), ip, running: HashMap::new() };
    node.start("containerd")?;
    node.start("kube-proxy")?;
    node.keep(&orders)
}

/// Orders as they come. The end of standard input is that of the cluster.
fn orders() -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    receiver
}

/// The machine's files, with a `/proc` and a `/run` of the node's own: sockets and named network namespaces lie there.
fn file_systems(state: &StateDir, name: &str) -> Result<()> {
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .context("make mounts private")?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), nothing).context("mount /proc")?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).context("mount /run")?;
    std::fs::create_dir_all("/run/netns")?;
    // kubelet makes sockets below its folder: their paths must be short wherever the cluster's folder is.
    let kubelet = state.node(name).join("kubelet");
    std::fs::create_dir_all(&kubelet)?;
    std::fs::create_dir_all("/run/kubelet")?;
    mount(Some(&kubelet), "/run/kubelet", nothing, MsFlags::MS_BIND, nothing)
        .context("mount kubelet's folder")?;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_SHARED, nothing)
        .context("share mounts with pods")
}

struct Node {
    state: StateDir,
    name: String,
    ip: Ipv4Addr,
    running: HashMap<i32, &'static str>,
}

impl Node {
    fn start(&mut self, program: &'static str) -> Result<()> {
        let folder = self.state.node(&self.name);
        let file = |name: &str| folder.join(name).display().to_string();
        let arguments: Vec<String> = match program {
            "containerd" => vec!["--config".into(), file("containerd.toml")],
            "kube-proxy" => vec!["--config".into(), file("proxy.json")],
            START_ENFORCER => vec![
                format!("--kubeconfig={}", file("kube-router.conf")),
                format!("--hostname-override={}", self.name),
                format!("--service-cluster-ip-range={SERVICES}"),
                "--run-firewall=true".into(),
                "--run-router=false".into(),
                "--run-service-proxy=false".into(),
                "--health-port=0".into(),
            ],
            _ => vec![
                format!("--config={}", file("kubelet.json")),
                format!("--kubeconfig={}", file("kubelet.conf")),
                "--root-dir=/run/kubelet".into(),
                "--cert-dir=/run/kubelet/pki".into(),
                format!("--hostname-override={}", self.name),
                format!("--node-ip={}", self.ip),
            ],
        };
        let log = append(&self.state.log(&format!("{}-{program}", self.name)))?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {program}"))?;
        self.running.insert(i32::try_from(child.id())?, program);
        Ok(())
    }

    /// Reaps everything, starts again what is the node's own, and takes orders.
    fn keep(&mut self, orders: &Receiver<String>) -> Result<()> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(status) => {
                    let ended = status.pid().and_then(|pid| self.running.remove(&pid.as_raw()));
                    if let Some(program) = ended {
                        std::thread::sleep(Duration::from_millis(500));
                        self.start(program)?;
                    }
                    if status.pid().is_some() {
                        continue;
                    }
                }
                Err(Errno::ECHILD | Errno::EINTR) => {}
                Err(error) => return Err(error).context("wait for processes"),
            }
            match orders.recv_timeout(Duration::from_millis(200)).as_deref() {
                Ok(START_KUBELET) => self.start(START_KUBELET)?,
                Ok(START_ENFORCER) => {
                    // Pods of one node meet on a bridge: what goes over it must come by the rules as well.
                    std::fs::write(FILTER_BRIDGES, "1").context("have bridges filtered")?;
                    self.start(START_ENFORCER)?;
                }
                _ => {}
            }
        }
    }
}

/// Opens a log to write at its end.
pub(crate) fn append(path: &Path) -> Result<File> {
    File::options().create(true).append(true).open(path).with_context(|| format!("open {}", path.display()))
}
