//! etcd, the API server, the controllers and the names service: processes in one network namespace.

use anyhow::Result;
use serde_json::json;
use tokio::process::Command;

use super::daemon::keep;
use super::network::{Network, SERVICES};
use crate::paths::StateDir;
use crate::wire::Launch;

/// A node that says nothing for this long is NotReady. kubelet speaks every 2.5 s; a machine under full load may make
/// it late by several times that, and a node wrongly given up disturbs more than a slow test.
const NODE_GRACE: &str = "--node-monitor-grace-period=14s";
/// Lets garbage be until there is four times what is in use: a test machine has memory to spare and no time.
const GARBAGE: (&str, &str) = ("GOGC", "400");
/// How long pods stay bound to a lost node, unless they say otherwise.
const EVICTION_SECONDS: u32 = 6;

fn command(network: &Network, launch: &Launch, program: &str, arguments: &[String]) -> Command {
    let mut command = network.command(program);
    command.args(arguments).env("PATH", &launch.search_path).env(GARBAGE.0, GARBAGE.1);
    command
}

/// Starts etcd and the API server together: the one waits for the other.
pub(crate) fn start_store_and_api(state: &StateDir, network: &Network, launch: &Launch) -> Result<()> {
    // Reached only from within the namespace that holds nothing else, so without certificates.
    let store = "http://127.0.0.1:2379";
    let data = state.path().join("etcd");
    let etcd = [
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={store}"),
        format!("--advertise-client-urls={store}"),
        "--listen-peer-urls=http://127.0.0.1:2380".into(),
        // A cluster that lost power is thrown away: nothing here has to survive that.
        "--unsafe-no-fsync".into(),
    ];
    start(state, network, launch, "etcd", etcd.into());

    let pki = state.pki();
    let file = |name: &str| pki.join(name).display().to_string();
    let mut api = vec![
        format!("--etcd-servers={store}"),
        format!("--advertise-address={}", network.control_plane()),
        "--secure-port=6443".into(),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--tls-cert-file={}", file("apiserver.crt")),
        format!("--tls-private-key-file={}", file("apiserver.key")),
        format!("--kubelet-client-certificate={}", file("kubelet-client.crt")),
        format!("--kubelet-client-key={}", file("kubelet-client.key")),
        "--kubelet-preferred-address-types=InternalIP".into(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        format!("--service-account-key-file={}", file("sa.pub")),
        format!("--service-account-signing-key-file={}", file("sa.key")),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        format!("--default-not-ready-toleration-seconds={EVICTION_SECONDS}"),
        format!("--default-unreachable-toleration-seconds={EVICTION_SECONDS}"),
        format!("--requestheader-client-ca-file={}", file("front-proxy-ca.crt")),
        "--requestheader-allowed-names=front-proxy-client".into(),
        "--requestheader-username-headers=X-Remote-User".into(),
        "--requestheader-group-headers=X-Remote-Group".into(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
        format!("--proxy-client-cert-file={}", file("front-proxy-client.crt")),
        format!("--proxy-client-key-file={}", file("front-proxy-client.key")),
        // There is no kube-proxy beside it: it must find webhooks' pods itself.
        "--enable-aggregator-routing=true".into(),
    ];
    if launch.audit_log {
        let policy = pki.join("audit-policy.json");
        let rules = json!({
            "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
            "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]
        });
        std::fs::write(&policy, rules.to_string())?;
        api.push(format!("--audit-policy-file={}", policy.display()));
        api.push(format!("--audit-log-path={}", state.audit_log().display()));
        // One file, however long: whoever reads it follows it by its name.
        api.push("--audit-log-maxsize=4096".into());
    }
    start(state, network, launch, "kube-apiserver", api);
    Ok(())
}

/// Starts what gives up where there is no API server yet.
pub(crate) fn start_controllers(state: &StateDir, network: &Network, launch: &Launch) {
    let pki = state.pki();
    let file = |name: &str| pki.join(name).display().to_string();
    let identity = |name: &str| {
        ["--kubeconfig", "--authentication-kubeconfig", "--authorization-kubeconfig"]
            .map(|flag| format!("{flag}={}", file(&format!("{name}.conf"))))
            .into_iter()
            .chain(["--leader-elect=false".to_owned()])
            .collect::<Vec<_>>()
    };
    let mut manager = identity("kube-controller-manager");
    manager.extend([
        format!("--service-account-private-key-file={}", file("sa.key")),
        format!("--root-ca-file={}", file("ca.crt")),
        format!("--cluster-signing-cert-file={}", file("ca.crt")),
        format!("--cluster-signing-key-file={}", file("ca.key")),
        "--use-service-account-credentials=true".into(),
        "--allocate-node-cidrs=false".into(),
        // A dozen identities and forty informers are set up at the start; the default rate makes that take seconds.
        "--kube-api-qps=300".into(),
        "--kube-api-burst=600".into(),
        NODE_GRACE.into(),
        "--node-monitor-period=1s".into(),
    ]);
    start(state, network, launch, "kube-controller-manager", manager);
    let mut scheduler = identity("kube-scheduler");
    // By itself it places some twenty pods a second, whatever the machine can do.
    scheduler.extend(["--kube-api-qps=300".to_owned(), "--kube-api-burst=600".to_owned()]);
    start(state, network, launch, "kube-scheduler", scheduler);
}

/// Starts the names service, reached by pods as the Service kube-dns.
pub(crate) fn start_dns(state: &StateDir, network: &Network, launch: &Launch) -> Result<()> {
    let corefile = state.path().join("Corefile");
    let (own, kubeconfig) = (network.control_plane(), state.kubeconfig());
    // Answers for the cluster's own names; any other doesn't exist, said at once rather than after a timeout.
    let text = format!(
        "cluster.local 96.10.in-addr.arpa 244.10.in-addr.arpa {{\n  bind {own}\n  errors\n  loadbalance\n  \
         kubernetes cluster.local 96.10.in-addr.arpa 244.10.in-addr.arpa {{\n    kubeconfig {}\n    ttl 5\n  }}\n}}\n\
         . {{\n  bind {own}\n  errors\n  template ANY ANY {{\n    rcode NXDOMAIN\n  }}\n}}\n",
        kubeconfig.display()
    );
    std::fs::write(&corefile, text)?;
    start(state, network, launch, "coredns", vec!["-conf".into(), corefile.display().to_string()]);
    Ok(())
}

fn start(
    state: &StateDir,
    network: &Network,
    launch: &Launch,
    program: &'static str,
    arguments: Vec<String>,
) {
    let (network, launch) = (*network, launch.clone());
    keep(state, program, move || command(&network, &launch, program, &arguments));
}
