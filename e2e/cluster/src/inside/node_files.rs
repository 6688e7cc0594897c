//! The configuration files of a node.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::network::{DNS_SERVICE, Network, PODS};
use crate::paths::StateDir;
use crate::wire::Launch;

pub(crate) const PAUSE_IMAGE: &str = "orion.test/pause:1";

/// Writes them all into the node's folder, except for its identity.
pub(crate) fn write(
    state: &StateDir,
    network: &Network,
    launch: &Launch,
    name: &str,
    number: u8,
    cgroup: &str,
) -> Result<()> {
    let folder = state.node(name);
    std::fs::create_dir_all(folder.join("cni"))?;
    std::fs::write(folder.join("containerd.toml"), containerd(&folder, launch))?;
    std::fs::write(folder.join("cni/10-pods.conflist"), pod_network(&folder, number).to_string())?;
    std::fs::write(folder.join("resolv.conf"), format!("nameserver {}\n", network.control_plane()))?;
    std::fs::write(folder.join("kubelet.json"), kubelet(state, network, name, number, cgroup).to_string())?;
    let proxy = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": state.pki().join("kube-proxy.conf")},
        "clusterCIDR": PODS,
        "hostnameOverride": name,
        // The machine's own limits stay as they are.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"minSyncPeriod": "200ms"},
    });
    std::fs::write(folder.join("proxy.json"), proxy.to_string())?;
    Ok(())
}

fn containerd(folder: &Path, launch: &Launch) -> String {
    let find = |program: &str| {
        let found = std::env::split_paths(&launch.search_path).find(|folder| folder.join(program).is_file());
        found.unwrap_or_default()
    };
    let (root, conf) = (folder.join("containerd"), folder.join("cni"));
    let (plugins, runc) = (find("host-local"), find("runc").join("runc"));
    format!(
        r#"version = 3
root = "{root}"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[plugins.'io.containerd.cri.v1.images']
snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
# The machine may not allow a process to protect itself from being killed for memory.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{plugins}"]
conf_dir = "{conf}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"#,
        root = root.display(),
        conf = conf.display(),
        plugins = plugins.display(),
        runc = runc.display(),
    )
}

fn pod_network(folder: &Path, number: u8) -> serde_json::Value {
    json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [
        {
            "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
            "ipam": {
                "type": "host-local", "dataDir": folder.join("addresses"),
                "ranges": [[{"subnet": format!("10.244.{number}.0/24")}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": true}},
    ]})
}

fn kubelet(state: &StateDir, network: &Network, name: &str, number: u8, cgroup: &str) -> serde_json::Value {
    let folder = state.node(name);
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "address": network.node(number),
        "authentication": {
            "anonymous": {"enabled": false}, "webhook": {"enabled": true},
            "x509": {"clientCAFile": state.pki().join("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs", "cgroupRoot": format!("/{cgroup}"), "failCgroupV1": false, "failSwapOn": false,
        "clusterDNS": [DNS_SERVICE], "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "podLogsDir": folder.join("pods"),
        "resolvConf": folder.join("resolv.conf"),
        "healthzPort": 10248, "healthzBindAddress": "127.0.0.1",
        // The disk is shared with everything else on the machine: only a nearly full one is a reason to evict.
        "evictionHard": {
            "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%",
        },
        // Images can't be fetched again.
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "2s", "nodeStatusReportFrequency": "30s", "nodeLeaseDurationSeconds": 10,
        // Secrets and ConfigMaps reach running pods at once rather than within a minute.
        "configMapAndSecretChangeDetectionStrategy": "Watch", "syncFrequency": "10s",
        // A pod that waits for another comes up soon after it: the default makes it wait for up to five minutes.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "10s"},
        "rotateCertificates": false, "serverTLSBootstrap": false,
        "makeIPTablesUtilChains": false, "protectKernelDefaults": false,
        "logging": {"verbosity": 1},
    })
}
