//! The inside of a cluster: first process of its PID and mount namespace, parent of everything in it. It brings the
//! cluster up, takes orders, and provides what a cloud would: names and volumes.

mod addons;
mod control;
mod control_plane;
mod daemon;
pub(crate) mod network;
mod node;
mod node_files;
mod pki;
mod sized;
mod volumes;

use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use tokio::sync::Mutex;

use crate::paths::StateDir;
use crate::wire::{Launch, NodeState, Report, State};
use network::Network;
use node::Node;
use pki::Pki;

/// Everything in here knows of the cluster.
pub(crate) struct Inside {
    state: StateDir,
    launch: Launch,
    supervisor: u32,
    network: Network,
    pki: Pki,
    client: kube::Client,
    nodes: Mutex<Nodes>,
    images: Mutex<()>,
}

#[derive(Default)]
struct Nodes {
    /// The number of the last node made. Numbers aren't used twice: addresses of a lost node stay lost.
    last: u8,
    alive: Vec<std::sync::Arc<Node>>,
    dns: bool,
}

pub(crate) fn inside(state: &str, supervisor: u32) -> Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).context("ask to die with the supervisor")?;
    // Before any thread is made: threads share what is unshared here.
    let nothing = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).context("make a mount namespace")?;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .context("make mounts private")?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), nothing).context("mount /proc")?;
    // The supervisor may have died before it could be asked about: its end of this pipe tells as well.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    // Fails only where one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let state = StateDir::at(state);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = tokio::task::LocalSet::new().block_on(&runtime, run(state, supervisor));
    if let Err(error) = &outcome {
        Report::Failed(format!("{error:#}")).send();
        eprintln!("{error:#}");
    }
    // Threads that wait for something must not hold up the end: it is the end of every process in here.
    std::process::exit(i32::from(outcome.is_err()));
}

fn progress(started: Instant, what: &str) {
    let line = format!("{:5.1} s  {what}", started.elapsed().as_secs_f32());
    eprintln!("{line}");
    Report::Progress(line).send();
}

async fn run(state: StateDir, supervisor: u32) -> Result<()> {
    let started = Instant::now();
    let launch: Launch =
        serde_json::from_slice(&std::fs::read(state.options())?).context("read the options")?;
    let network = Network::create().await?;
    let pki = Pki::create(&state, &network)?;
    progress(started, &format!("network {}.0/24 and certificates", network.prefix()));
    control_plane::start_store_and_api(&state, &network, &launch)?;
    let client = client(&state).await?;
    let nodes = Mutex::default();
    let inside = Inside { state, launch, supervisor, network, pki, client, nodes, images: Mutex::default() };
    inside.write_state().await?;
    let inside: &'static Inside = Box::leak(Box::new(inside));
    inside.write_pause_image()?;

    // Nodes start their containerd while the API server starts; kubelet waits for it.
    let (api_is_up, wait_for_api) = tokio::sync::watch::channel(false);
    let names: Vec<String> = (1..=inside.launch.nodes).map(|number| format!("n{number}")).collect();
    let nodes =
        futures::future::try_join_all(names.iter().map(|name| inside.add_node(name, wait_for_api.clone())));
    let rest = async {
        wait_until(Duration::from_secs(90), "the API server is ready", || inside.api_ready()).await?;
        progress(started, "API server ready");
        let _ = api_is_up.send(true);
        control_plane::start_controllers(&inside.state, &inside.network, &inside.launch);
        addons::apply(&inside.client, &inside.network).await?;
        if inside.launch.enforce_policies {
            addons::apply_enforcer(&inside.client).await?;
        }
        wait_until(Duration::from_secs(60), "the controllers work", || inside.controllers_work()).await?;
        progress(started, "controllers and addons");
        anyhow::Ok(())
    };
    futures::future::try_join(nodes, rest).await?;
    if inside.launch.nodes > 0 {
        progress(started, &format!("{} nodes Ready", inside.launch.nodes));
    }
    tokio::task::spawn_local(volumes::provide(inside));
    let socket = control::listen(&inside.state)?;
    Report::Ready.send();
    control::serve(inside, socket).await
}

async fn client(state: &StateDir) -> Result<kube::Client> {
    let kubeconfig = Kubeconfig::read_from(state.kubeconfig())?;
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // The only thing here that may take longer is a watch, which has its own limit.
    config.connect_timeout = Some(Duration::from_secs(5));
    Ok(kube::Client::try_from(config)?)
}

/// Asks again and again until it is so.
async fn wait_until(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + patience;
    while !ask().await {
        if Instant::now() > deadline {
            anyhow::bail!("waited {} s in vain until {what}", patience.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

impl Inside {
    /// Tells the library what there is: written anew and renamed, so that nobody reads half of it.
    async fn write_state(&self) -> Result<()> {
        let nodes = self.nodes.lock().await;
        let state = State {
            index: self.network.index,
            link: self.network.link,
            supervisor: self.supervisor,
            lifetime: self.launch.lifetime,
            audit_log: self.launch.audit_log,
            nodes: nodes
                .alive
                .iter()
                .map(|node| NodeState { name: node.name.clone(), ip: node.ip })
                .collect(),
        };
        let unfinished = self.state.state().with_extension("unfinished");
        std::fs::write(&unfinished, serde_json::to_vec_pretty(&state)?)?;
        std::fs::rename(&unfinished, self.state.state()).context("write state.json")
    }

    async fn api_ready(&self) -> bool {
        let request = http_get("/readyz");
        match request {
            Ok(request) => self.client.request_text(request).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Pods can be made once their namespace has its ServiceAccount and its bundle of authorities.
    async fn controllers_work(&self) -> bool {
        use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
        let accounts = kube::Api::<ServiceAccount>::namespaced(self.client.clone(), "default");
        let maps = kube::Api::<ConfigMap>::namespaced(self.client.clone(), "default");
        matches!(accounts.get_opt("default").await, Ok(Some(_)))
            && matches!(maps.get_opt("kube-root-ca.crt").await, Ok(Some(_)))
    }

    /// The image every pod's sandbox runs.
    fn write_pause_image(&self) -> Result<()> {
        let program = std::env::split_paths(&self.launch.search_path)
            .map(|folder| folder.join("pause"))
            .find(|path| path.is_file())
            .context("the part pause isn't built")?;
        let content = std::fs::read(program)?;
        let file = crate::ImageFile { path: "pause", content: &content, executable: true };
        crate::write_image(
            &self.state.images().join("00-pause.tar"),
            node_files::PAUSE_IMAGE,
            &[file],
            &["/pause"],
        )
    }
}

fn http_get(path: &str) -> Result<http::Request<Vec<u8>>> {
    Ok(http::Request::get(path).body(Vec::new())?)
}
