//! The cluster's LAN: a bridge in the control plane's network namespace, and one cable each to the machine and to
//! every node. Namespaces have no names, so they and all their links end with their last process. There is no default
//! route anywhere: nothing a pod sends can leave the machine.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::exec::run;

/// Pods' addresses, a /24 for each node.
pub(crate) const PODS: &str = "10.244.0.0/16";
pub(crate) const SERVICES: &str = "10.96.0.0/16";
pub(crate) const DNS_SERVICE: &str = "10.96.0.10";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    pub(crate) index: u8,
    /// The kernel's number of the machine's end of the cable: never used twice, as its name may be.
    pub(crate) link: u32,
    /// Holds the control plane's namespace open.
    holder: u32,
}

/// The machine's end of the cable. It exists as long as its cluster, and no two can have one name: it is the claim
/// on the address range, too.
pub(crate) fn link_name(index: u8) -> String {
    format!("orion{index}")
}

/// The kernel's number of a link, where it exists.
fn link_number(index: u8) -> Option<u32> {
    std::fs::read_to_string(format!("/sys/class/net/{}/ifindex", link_name(index))).ok()?.trim().parse().ok()
}

/// Removes the link of a dead cluster. The kernel does so by itself when the namespace at its other end goes, but a
/// connection that waits for an answer may hold that one for minutes. The name may be another cluster's by now.
pub(crate) fn remove_link(index: u8, link: u32) {
    if link_number(index) == Some(link) {
        // Already gone at worst.
        let _ = run(Command::new("ip").args(["link", "delete", &link_name(index)]));
    }
}

impl Network {
    pub(crate) async fn create() -> Result<Network> {
        let holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo; exec sleep infinity"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start unshare")?;
        let pid = holder.id();
        // A line means that the namespace is there. The holder itself lives until the inside dies.
        let mut line = String::new();
        let output = holder.stdout.context("the holder has no output")?;
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line)?;
        let network = {
            let index = claim(pid)?;
            let link = link_number(index).context("the link is gone")?;
            Network { index, link, holder: pid }
        };
        let (i, own) = (network.index, network.control_plane());
        let link = link_name(i);
        ip(None, &format!("addr add {}.1/24 dev {link}\nlink set {link} up\n", network.prefix()))?;
        // A bridge takes the lowest address of its ports unless it has its own; nodes would lose it at every change.
        ip(
            Some(pid),
            &format!(
                "link set lo up\nlink add br0 address 02:00:c6:12:{i:02x}:02 type bridge forward_delay 0\n\
                 link set machine master br0 up\naddr add {own}/24 dev br0\nlink set br0 up\n"
            ),
        )?;
        forward(pid)?;
        Ok(network)
    }

    /// The first three numbers of every address on the LAN.
    pub(crate) fn prefix(&self) -> String {
        format!("198.18.{}", self.index)
    }

    pub(crate) fn control_plane(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.index, 2)
    }

    pub(crate) fn node(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.index, 10 + number)
    }

    /// A command that will run in the control plane's namespace.
    pub(crate) fn command(&self, program: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder)).arg("--").arg(program);
        command
    }

    /// Plugs a node in. Other nodes' pods are reached through the control plane's namespace, which alone has to learn
    /// of a new node. The Services' route is needed for connect() to get as far as kube-proxy's rules.
    pub(crate) fn attach(&self, node: u32, number: u8) -> Result<()> {
        let (own, gateway) = (self.node(number), self.control_plane());
        ip(
            Some(self.holder),
            &format!(
                "link add n{number} type veth peer name eth0 netns {node}\nlink set n{number} master br0 up\n\
                 route replace 10.244.{number}.0/24 via {own}\n"
            ),
        )?;
        ip(
            Some(node),
            &format!(
                "link set lo up\naddr add {own}/24 dev eth0\nlink set eth0 up\n\
                 route add {PODS} via {gateway}\nroute add {SERVICES} via {gateway}\n"
            ),
        )?;
        forward(node)
    }

    /// Forgets a node that is gone; its cable went with it.
    pub(crate) fn detach(&self, number: u8) {
        let _ = ip(Some(self.holder), &format!("route del 10.244.{number}.0/24\n"));
        let _ = ip(Some(self.holder), &format!("link del n{number}\n"));
    }
}

/// Takes the first range that no other cluster on this machine has.
fn claim(holder: u32) -> Result<u8> {
    for index in 0..=255 {
        let link = link_name(index);
        let made = run(Command::new("ip")
            .args(["link", "add", &link, "type", "veth", "peer", "name", "machine"])
            .args(["netns", &holder.to_string()]));
        match made {
            Ok(_) => return Ok(index),
            Err(error) if error.to_string().contains("File exists") => {}
            Err(error) => return Err(error),
        }
    }
    bail!("all 256 address ranges are taken by running clusters")
}

/// Runs lines of `ip` in the namespace of a process, or in the machine's.
fn ip(namespace: Option<u32>, lines: &str) -> Result<()> {
    let script = format!("ip -batch - <<'END'\n{lines}END\n");
    in_namespace(namespace, &script).map(|_| ())
}

/// Packets for pods go through; senders aren't told of shorter ways that their routes can't express. Connections
/// whose process is gone end soon: they hold the namespace.
fn forward(namespace: u32) -> Result<()> {
    let script = "cd /proc/sys/net/ipv4 && echo 1 > ip_forward && echo 0 > conf/all/send_redirects \
                  && for d in conf/*; do echo 0 > $d/send_redirects; done \
                  && echo 1 > tcp_orphan_retries";
    in_namespace(Some(namespace), script).map(|_| ())
}

fn in_namespace(namespace: Option<u32>, script: &str) -> Result<String> {
    let mut command = match namespace {
        Some(pid) => {
            let mut command = Command::new("nsenter");
            command.args([&format!("--net=/proc/{pid}/ns/net"), "--", "sh"]);
            command
        }
        None => Command::new("sh"),
    };
    run(command.args(["-c", script]))
}
