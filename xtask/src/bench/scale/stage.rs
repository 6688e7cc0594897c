//! A control plane of its own with nodes that KWOK plays: it says of them and their pods what kubelets would.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::on::Target;
use crate::status::OPERATOR_NAMESPACE;
use crate::up::operator::{RELEASE, chart};
use crate::{paths, progress, sh};

/// Where the pods are said to be: all of it is this machine, while the stage is there.
const PODS: &str = "10.77.0.0/16";
const NODES: usize = 10;
/// How many platforms share a namespace.
const TOGETHER: usize = 20;
const SELECTOR: &str = "app.kubernetes.io/part-of=orion";
const KINDS: &str = "pods,deployments,statefulsets,jobs,services,configmaps,serviceaccounts,secrets,cronjobs,\
                     persistentvolumeclaims,poddisruptionbudgets,networkpolicies,horizontalpodautoscalers,\
                     controllerrevisions";

pub(super) struct Stage {
    pub(super) target: Target,
    kwok: Child,
    folder: PathBuf,
}

/// What a pod of the operator finds.
pub(super) struct Account {
    pub(super) folder: PathBuf,
    pub(super) host: String,
    pub(super) port: String,
}

impl Stage {
    pub(super) fn start() -> Result<Stage> {
        let program = progress::step("build KWOK, where it is missing", || cluster::part_binary("kwok"))?;
        let target = progress::step("start a control plane", || Target::stage("operator-scale"))?;
        let folder = paths::target().join("bench/operator-scale");
        std::fs::create_dir_all(&folder)?;
        let log = std::fs::File::create(folder.join("kwok.log"))?;
        let kubeconfig = target.kubeconfig.clone().context("a stage has a kubeconfig")?;
        let mut command = Command::new(program);
        command.arg(format!("--kubeconfig={}", kubeconfig.display()));
        command.args(["--manage-all-nodes=true", "--cidr", PODS, "--node-ip=10.77.255.254"]);
        command.args(["--node-lease-duration-seconds=40", "--config="]).env("HOME", &folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let kwok = command.spawn().context("cannot start KWOK")?;
        let stage = Stage { target, kwok, folder };
        healthy()?;
        progress::step("join nodes, install the operator's rights", || stage.furnish())?;
        Ok(stage)
    }

    fn furnish(&self) -> Result<()> {
        let room = json!({"cpu": "10k", "memory": "10Ti", "pods": "10k", "ephemeral-storage": "10Ti"});
        let nodes = (0..NODES).map(|n| {
            let name = format!("kwok-{n}");
            let labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"});
            json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
                "status": {"capacity": room, "allocatable": room},
            })
        });
        self.create(nodes.collect())?;
        let mut namespaces = vec![namespace(OPERATOR_NAMESPACE)];
        namespaces.extend((0..50).map(|n| namespace(&shop(n * TOGETHER))));
        self.create(namespaces)?;
        let mut helm = self.target.helm()?;
        helm.args(["template", RELEASE]).arg(chart()).args(["--namespace", OPERATOR_NAMESPACE]);
        helm.args(["--set", "watch.allNamespaces=true"]);
        for file in ["crd", "rbac", "serviceaccount"] {
            helm.args(["--show-only", &format!("templates/{file}.yaml")]);
        }
        self.feed(&["apply", "--server-side", "-f", "-"], &sh::output(&mut helm)?)?;
        let crd = "customresourcedefinition/orionplatforms.orion.dev";
        self.target.get(&["wait", "--for=condition=Established", crd, "--timeout=60s"]).map(drop)
    }

    /// Makes as many platforms as are missing, each of them as `spec: {}` makes it, with volumes for their stores.
    pub(super) fn platforms(&self, count: usize) -> Result<()> {
        let there = self.target.get(&["get", "orion", "-A", "--no-headers"])?.lines().count();
        let volumes = (there..count).flat_map(|n| (0..3).map(move |store| volume(n, store)));
        self.create(volumes.collect())?;
        self.create((there..count).map(platform).collect())
    }

    pub(super) fn until_ready(&self, count: usize) -> Result<()> {
        let (start, limit) = (Instant::now(), Duration::from_secs(120 + 3 * count as u64));
        let mut told = Instant::now();
        loop {
            let lines = self.target.get(&["get", "orion", "-A", "--no-headers"])?;
            let ready = lines.lines().filter(|l| l.split_whitespace().any(|word| word == "True")).count();
            if ready >= count {
                return Ok(());
            }
            if start.elapsed() > limit {
                bail!("{ready} of {count} platforms are ready after {}", progress::duration(limit));
            }
            if told.elapsed() > Duration::from_secs(15) {
                progress::note(&format!("{ready} of {count} are ready"));
                told = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(500 + 5 * count as u64));
        }
    }

    /// How many objects the operator watches.
    pub(super) fn objects(&self) -> Result<usize> {
        progress::step("count the objects", || {
            Ok(self.target.get(&["get", KINDS, "-A", "-l", SELECTOR, "-o", "name"])?.lines().count())
        })
    }

    /// The API server's audit log, and how long it is by now.
    pub(super) fn audit(&self) -> Result<(PathBuf, u64)> {
        let log = self.target.audit_log().context("a stage has an audit log")?;
        let length = std::fs::metadata(&log)?.len();
        Ok((log, length))
    }

    /// Puts in a folder what the operator's pod would have as its ServiceAccount.
    pub(super) fn account(&self) -> Result<Account> {
        let folder = self.folder.join("account");
        std::fs::create_dir_all(&folder)?;
        let token =
            self.target.get(&["create", "token", RELEASE, "-n", OPERATOR_NAMESPACE, "--duration=24h"])?;
        let authority = ["get", "configmap", "kube-root-ca.crt", "-n", OPERATOR_NAMESPACE];
        let authority = self.target.json(&authority)?;
        let authority = authority["data"]["ca.crt"].as_str().context("no authority is published")?.to_owned();
        for (file, text) in
            [("token", token.trim()), ("ca.crt", &authority), ("namespace", OPERATOR_NAMESPACE)]
        {
            std::fs::write(folder.join(file), text)?;
        }
        let server =
            self.target.get(&["config", "view", "--raw", "-o", "jsonpath={.clusters[0].cluster.server}"])?;
        let address = server.trim().strip_prefix("https://").context("not by https")?;
        let (host, port) = address.rsplit_once(':').context("an address without a port")?;
        Ok(Account { folder, host: host.to_owned(), port: port.to_owned() })
    }

    fn create(&self, objects: Vec<Value>) -> Result<()> {
        let mut text = String::new();
        for object in objects {
            writeln!(text, "---\n{object}")?;
        }
        if text.is_empty() { Ok(()) } else { self.feed(&["create", "-f", "-"], &text) }
    }

    fn feed(&self, args: &[&str], text: &str) -> Result<()> {
        let mut kubectl = self.target.kubectl();
        kubectl.args(args).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut kubectl = kubectl.spawn().context("kubectl cannot be started")?;
        kubectl.stdin.take().context("kubectl has an input")?.write_all(text.as_bytes())?;
        let status = kubectl.wait()?;
        if status.success() { Ok(()) } else { bail!("kubectl {} failed ({status})", args.join(" ")) }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.kwok.kill();
        let _ = self.kwok.wait();
        let _ = sh::output(Command::new("ip").args(["route", "del", "local", PODS, "dev", "lo"]));
    }
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn shop(platform: usize) -> String {
    format!("shop-{:02}", platform / TOGETHER)
}

/// Namespace and name of a platform.
pub(super) fn of(platform: usize) -> (String, String) {
    (shop(platform), format!("p{platform:04}"))
}

fn platform(n: usize) -> Value {
    let (namespace, name) = of(n);
    json!({
        "apiVersion": "orion.dev/v1alpha1", "kind": "OrionPlatform",
        "metadata": {"namespace": namespace, "name": name}, "spec": {},
    })
}

fn volume(platform: usize, store: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": format!("p{platform:04}-{store}")},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "100Gi"}, "hostPath": {"path": "/nowhere"},
        },
    })
}

/// Every pod answers that it is fine: their addresses are this machine's, and one listener has them all.
fn healthy() -> Result<()> {
    sh::output(Command::new("ip").args(["route", "replace", "local", PODS, "dev", "lo"]))?;
    let port = catalog::MANAGEMENT_PORT;
    let listener =
        TcpListener::bind(("0.0.0.0", port)).with_context(|| format!("can't listen on port {port}"))?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            let _ = stream.read(&mut [0; 1024]);
            let body = r#"{"status":"ok","checks":{}}"#;
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + body).as_bytes());
        }
    });
    Ok(())
}
