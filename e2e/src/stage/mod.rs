//! A stage: an API server with its controllers, and a node that is only said to be there. Operators run in this process,
//! each behind a proxy that keeps a record of its calls and makes happen what may go wrong; an actor stands for the node. So every way in which
//! an operator can be disturbed is tried in seconds, and to the very call.

pub mod actor;
pub mod call;
pub mod fault;
mod node;
mod process;
pub mod proxy;
pub mod state;

use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use cluster::{Cluster, Lifetime, Options};
use futures::FutureExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::arena::text_of;
use crate::ground::root;
use crate::place::Place;
use crate::status;
use actor::{Actor, Fate};
use process::Operator;
use proxy::Proxy;

/// How long anything may take here before a test gives up on it: an operator that is killed again and again, on a machine
/// that does much else, comes along slowly.
const PATIENCE: Duration = Duration::from_secs(240);

/// What all tests of a run stand on. It ends with the process.
struct Stage {
    cluster: Cluster,
    upstream: Client,
    actor: Actor,
}

/// What serves every test outlives each of them, and so has a runtime of its own.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let builder = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        builder.expect("a runtime can be made")
    })
}

async fn stage() -> Result<&'static Stage> {
    static STAGE: OnceCell<Stage> = OnceCell::const_new();
    STAGE.get_or_try_init(|| async { runtime().spawn(prepare()).await? }).await
}

async fn prepare() -> Result<Stage> {
    // Refused when somebody was first in this process, and then it is there already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Ok(filter) = std::env::var("ORION_STAGE_LOG") {
        // A thread has its namespace's name.
        tracing_subscriber::fmt()
            .with_thread_names(true)
            .with_writer(std::io::stderr)
            .finish()
            .with(filter.parse::<Targets>().context("ORION_STAGE_LOG")?)
            .init();
    }
    let options = Options {
        name: format!("stage-{}", std::process::id()),
        nodes: 0,
        lifetime: Lifetime::WithParent,
        audit_log: false,
        enforce_policies: false,
    };
    let cluster = Cluster::start(options, |line| eprintln!("stage: {line}")).await?;
    let upstream = client(&cluster).await?;
    let crds: Api<CustomResourceDefinition> = Api::all(upstream.clone());
    let crd = operator::api::crd();
    let name = crd.metadata.name.clone().unwrap_or_default();
    crds.create(&PostParams::default(), &crd).await.context("make the definition")?;
    let known = kube::runtime::wait::conditions::is_crd_established();
    kube::runtime::wait::await_condition(crds, &name, known).await.context("wait for the definition")?;
    let actor = stand_in(upstream.clone()).await?;
    Ok(Stage { cluster, upstream, actor })
}

/// Gives a cluster a node that is only said to be there, and who acts for it.
pub async fn stand_in(client: Client) -> Result<Actor> {
    node::join(client.clone()).await?;
    Ok(Actor::start(client))
}

/// An administrator's client. Each runtime has its own: connections belong to the one that made them.
async fn client(cluster: &Cluster) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // Whoever stands behind the proxy is to see every refusal.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// One test's namespace with its operator.
pub struct Scene {
    place: Place,
    pub proxy: Arc<Proxy>,
    arguments: Vec<String>,
    keeper: Mutex<Option<Keeper>>,
}

impl Deref for Scene {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

/// Starts the operator again whenever it dies, as a kubelet would.
struct Keeper {
    task: JoinHandle<Result<()>>,
    stop: CancellationToken,
    kill: tokio::sync::mpsc::UnboundedSender<()>,
}

/// Runs a test with an operator in a namespace of its own. What was there to see is kept if it fails.
pub async fn scene<T>(name: &str, test: impl AsyncFnOnce(&Scene) -> Result<T>) -> Result<T> {
    let scene = Scene::new(name).await?;
    let outcome = AssertUnwindSafe(async {
        scene.start().await;
        test(&scene).await
    });
    let outcome = match outcome.catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => Err(anyhow!(text_of(&*panic))),
    };
    if let Err(error) = &outcome {
        scene.keep_evidence(error).await;
    }
    scene.kill().await;
    outcome
}

impl Scene {
    /// A namespace without an operator.
    pub async fn new(name: &str) -> Result<Scene> {
        let stage = stage().await?;
        let place = Place::new(client(&stage.cluster).await?, name, PATIENCE).await?;
        let proxy = Proxy::new(stage.upstream.clone());
        // Nobody else looks after this namespace: an election would only make each restart take 15 s.
        let arguments = vec!["--leader-elect=false".to_owned()];
        Ok(Scene { place, proxy, arguments, keeper: Mutex::default() })
    }

    /// The same with other arguments for the operator.
    pub fn with(mut self, arguments: &[&str]) -> Scene {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    /// Starts the operator, and starts it again whenever it dies.
    pub async fn start(&self) {
        self.start_with(&self.arguments.clone()).await;
    }

    /// The same with other arguments, as a newer chart might have them.
    pub async fn start_with(&self, arguments: &[String]) {
        let (proxy, namespace) = (Arc::clone(&self.proxy), self.namespace.clone());
        let (arguments, stop) = (arguments.to_vec(), CancellationToken::new());
        let (kill, mut killed) = tokio::sync::mpsc::unbounded_channel();
        let stopped = stop.clone();
        let task = runtime().spawn(async move {
            loop {
                let mut operator = Operator::start(Arc::clone(&proxy), &namespace, &arguments).await?;
                let dead = operator.killed();
                tokio::select! {
                    () = dead => {}
                    Some(()) = killed.recv() => {}
                    ended = operator.ended() => if let Err(error) = ended {
                        eprintln!("{namespace}: the operator ended: {error:#}");
                    },
                    () = stopped.cancelled() => return operator.stop().await,
                }
            }
        });
        *self.keeper.lock().await = Some(Keeper { task, stop, kill });
    }

    /// Kills the operator; another one is started at once.
    pub async fn crash(&self) {
        if let Some(keeper) = self.keeper.lock().await.as_ref() {
            let _ = keeper.kill.send(());
        }
    }

    /// Tells the operator to end, and waits for that; none is started again.
    pub async fn stop(&self) -> Result<()> {
        let Some(keeper) = self.keeper.lock().await.take() else { return Ok(()) };
        keeper.stop.cancel();
        keeper.task.await?
    }

    /// Kills the operator, and none is started again.
    pub async fn kill(&self) {
        if let Some(keeper) = self.keeper.lock().await.take() {
            keeper.task.abort();
        }
    }

    /// From now on, this becomes of the pods of a unit that run an image.
    pub async fn pods_are(&self, policy: impl Fn(&str, &str) -> Fate + Send + Sync + 'static) -> Result<()> {
        Ok(stage().await?.actor.follow(&self.client, &self.namespace, Arc::new(policy)).await?)
    }

    /// Cuts all watches again and again, until the task is aborted.
    pub fn cut_watches_every(&self, time: Duration) -> JoinHandle<()> {
        let proxy = Arc::clone(&self.proxy);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(time).await;
                proxy.cut_watches();
            }
        })
    }

    /// Asks until there is an answer; an error counts as none, until patience ends.
    pub async fn eventually<T>(
        &self,
        what: &str,
        mut ask: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = std::time::Instant::now() + self.patience;
        loop {
            let late = std::time::Instant::now() > deadline;
            match ask().await {
                Ok(Some(answer)) => return Ok(answer),
                Err(error) if late => return Err(error).with_context(|| format!("in vain: {what}")),
                _ if late => anyhow::bail!("in vain: {what}"),
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Waits until the operator has called nobody for this long, watches, the lists that they begin with, and the
    /// question for kinds aside.
    pub async fn quiet_for(&self, time: Duration) -> Result<()> {
        self.eventually("the operator is done", async || {
            let calls = self.proxy.calls();
            let last = calls
                .iter()
                .rev()
                .find(|call| !matches!(call.verb, "watch" | "list") && !call.asks_for_kinds());
            Ok(last.is_none_or(|call| call.at + time < self.proxy.now()).then_some(()))
        })
        .await
    }

    async fn keep_evidence(&self, error: &anyhow::Error) {
        let place = root().join("target/e2e").join(format!("stage-{}", self.namespace));
        let _ = std::fs::create_dir_all(&place);
        let calls: Vec<String> = self.proxy.calls().iter().map(call::Call::told).collect();
        let told = match self.platforms.get_opt(crate::place::PLATFORM).await {
            Ok(Some(platform)) => status::told(&platform),
            other => format!("{other:?}"),
        };
        let objects = state::of(self).await.map(|state| state.told()).unwrap_or_default();
        for (file, text) in [
            ("error.txt", format!("{error:?}\n")),
            ("calls.txt", calls.join("\n")),
            ("status.txt", told),
            ("objects.yaml", objects),
        ] {
            if let Err(error) = std::fs::write(place.join(file), text) {
                eprintln!("can't write {file}: {error}");
            }
        }
        eprintln!("{}: calls, status and objects are in {}", self.namespace, place.display());
    }
}
