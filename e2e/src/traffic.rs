//! Connections from inside pods, tried all at once: what the network lets through, told apart from what is written
//! about it. The platform's images have no program that could try.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

/// What a connection within one machine never takes; a packet that is dropped is never answered.
const SILENCE: Duration = Duration::from_secs(3);

/// A question for the address of kubernetes.default.svc.cluster.local.
const QUESTION: &[u8] = b"\x4f\x52\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\
    \x0akubernetes\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01";

/// A pod that tries.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub node: String,
    pub ip: String,
    uid: String,
}

impl Source {
    pub fn new(name: &str, pod: &Pod) -> Result<Source> {
        let status = pod.status.as_ref();
        let ip = status.and_then(|status| status.pod_ip.clone());
        Ok(Source {
            name: name.to_owned(),
            node: pod
                .spec
                .as_ref()
                .and_then(|spec| spec.node_name.clone())
                .context("a pod without a node")?,
            ip: ip.with_context(|| format!("the pod {} has no address", pod.name_any()))?,
            uid: pod.uid().context("a pod without a uid")?,
        })
    }
}

/// What it tries to reach.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name and port, such as `auth:3001`.
    pub name: String,
    pub address: SocketAddr,
    pub via: Via,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Tcp,
    /// A question to a names service over UDP, which must be answered.
    Names,
}

/// Every source tries every target but itself; gives the pairs that could connect, by their numbers.
pub async fn connected(sources: &[Source], targets: &[Target]) -> Result<BTreeSet<(usize, usize)>> {
    let mut trials = Vec::new();
    for (from, source) in sources.iter().enumerate() {
        let (source, targets) = (source.clone(), targets.to_vec());
        trials.push(tokio::task::spawn_blocking(move || {
            let name = source.name.clone();
            cluster::in_network_of(&source.uid.clone(), move || reached(&source, &targets))
                .map(|reached| reached.into_iter().map(|to| (from, to)).collect::<Vec<_>>())
                .with_context(|| format!("try from {name}"))
        }));
    }
    let mut all = BTreeSet::new();
    for trial in trials {
        all.extend(trial.await??);
    }
    Ok(all)
}

fn reached(source: &Source, targets: &[Target]) -> Vec<usize> {
    thread::scope(|scope| {
        let others =
            targets.iter().enumerate().filter(|(_, target)| target.address.ip().to_string() != source.ip);
        let trials: Vec<_> = others.map(|(to, target)| (to, scope.spawn(|| reaches(target)))).collect();
        trials.into_iter().filter_map(|(to, trial)| trial.join().unwrap_or(false).then_some(to)).collect()
    })
}

fn reaches(target: &Target) -> bool {
    match target.via {
        Via::Tcp => TcpStream::connect_timeout(&target.address, SILENCE).is_ok(),
        Via::Names => answers(target.address).is_ok(),
    }
}

fn answers(address: SocketAddr) -> std::io::Result<usize> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket.set_read_timeout(Some(SILENCE))?;
    socket.connect(address)?;
    socket.send(QUESTION)?;
    socket.recv(&mut [0; 512])
}
