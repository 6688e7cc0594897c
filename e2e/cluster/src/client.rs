//! A cluster as its users see it: started, found, changed and stopped from here. The work is done by the supervisor
//! and the inside; this side starts the one and sends orders to the other.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::lock::Lock;
use crate::paths::{StateDir, runs, workspace};
use crate::wire::{Answer, Launch, Order, Report, State};
use crate::{Lifetime, Options, leftovers, machine, parts};

/// How long the end of a cluster may take before it counts as stuck.
const STOP_PATIENCE: Duration = Duration::from_secs(40);

/// A running cluster. Dropping one that lives [`Lifetime::WithParent`] ends it, in the background.
#[derive(Debug)]
pub struct Cluster {
    state: StateDir,
    kubeconfig: PathBuf,
    /// The supervisor's standard input: its end is how the supervisor learns of this process's end.
    _leash: Option<ChildStdin>,
    supervisor: Mutex<Option<Child>>,
}

impl Cluster {
    /// Builds what is missing, clears what a dead cluster left, starts a cluster and waits until its nodes are Ready.
    pub async fn start(options: Options, progress: impl Fn(&str)) -> Result<Cluster> {
        check_name(&options.name)?;
        if let Err(missing) = machine::check_machine() {
            bail!("this machine can't run a cluster:\n  {}", missing.join("\n  "));
        }
        for line in leftovers::clear_leftovers() {
            progress(&line);
        }
        let state = StateDir::of(&options.name);
        if Lock::is_held(&state.lock()) {
            bail!("a cluster named {} is already running", options.name);
        }
        aside(&progress, |say| parts::build_missing(&|line| say(line.to_owned()))).await?;
        let program = aside(&progress, |say| supervisor_program(&|line| say(line.to_owned()))).await?;
        launch(&options, state, &program, &progress).await
    }

    /// A running cluster that was started detached, by whichever process.
    pub fn find(name: &str) -> Option<Cluster> {
        let state = StateDir::of(name);
        let known = State::read(&state)?;
        let alive = known.lifetime == Lifetime::Detached && Lock::is_held(&state.lock());
        alive.then(|| Cluster::at(state, None, None))
    }

    fn at(state: StateDir, leash: Option<ChildStdin>, supervisor: Option<Child>) -> Cluster {
        let kubeconfig = state.kubeconfig();
        Cluster { state, kubeconfig, _leash: leash, supervisor: Mutex::new(supervisor) }
    }

    /// Adds a node and waits until it is Ready.
    pub async fn add_node(&self, name: &str) -> Result<()> {
        check_name(name)?;
        self.order(Order::AddNode { name: name.to_owned() }).await
    }

    /// Takes a node away as a power cut would: nothing on it gets to say goodbye, and its Node object stays.
    pub async fn lose_node(&self, name: &str) -> Result<()> {
        self.order(Order::LoseNode { name: name.to_owned() }).await
    }

    /// Puts the images of a docker-archive onto every node, and onto those added later.
    pub async fn load_image(&self, archive: &Path) -> Result<()> {
        let modified = std::fs::metadata(archive).and_then(|data| data.modified());
        let modified = modified.with_context(|| format!("read {}", archive.display()))?;
        // The name keeps the order of loading: a later image of the same tag must win on a node added later, too.
        let now = modified.max(std::time::SystemTime::now()).duration_since(std::time::UNIX_EPOCH)?;
        let file = format!("{:020}-{}.tar", now.as_nanos(), std::process::id());
        let copy = self.state.images().join(&file);
        let archive = archive.to_path_buf();
        tokio::task::spawn_blocking(move || {
            // A copy, not a link: the archive may be written anew in place.
            std::fs::copy(&archive, &copy).with_context(|| format!("copy {}", archive.display()))
        })
        .await??;
        self.order(Order::LoadImage { file }).await
    }

    /// Ends the cluster and waits until nothing of it is left.
    pub async fn stop(self) -> Result<()> {
        self.order(Order::Stop).await?;
        let supervisor = self.supervisor.lock().ok().and_then(|mut child| child.take());
        let lock = self.state.lock();
        tokio::task::spawn_blocking(move || {
            if let Some(mut supervisor) = supervisor {
                supervisor.wait().context("wait for the supervisor")?;
            }
            let deadline = Instant::now() + STOP_PATIENCE;
            while Lock::is_held(&lock) {
                if Instant::now() > deadline {
                    bail!("the cluster hasn't ended after {} s", STOP_PATIENCE.as_secs());
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        })
        .await?
    }

    /// A kubeconfig of a cluster administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The nodes' addresses, reachable from this machine; NodePorts are there.
    pub fn node_ips(&self) -> Vec<IpAddr> {
        State::read(&self.state).map(|state| state.node_ips()).unwrap_or_default()
    }

    /// The API server's audit log, one JSON object a line, where the cluster was started with one.
    pub fn audit_log(&self) -> Option<PathBuf> {
        let wanted = State::read(&self.state).is_some_and(|state| state.audit_log);
        wanted.then(|| self.state.audit_log())
    }

    /// The cluster's folder: logs in `log/`, volumes in `volumes/`.
    pub fn state_dir(&self) -> &Path {
        self.state.path()
    }

    async fn order(&self, order: Order) -> Result<()> {
        let socket = self.state.control_socket();
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = UnixStream::connect(&socket).context("the cluster isn't running")?;
            stream.write_all((serde_json::to_string(&order)? + "\n").as_bytes())?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line)?;
            let stopping = matches!(order, Order::Stop);
            if line.is_empty() && !stopping {
                bail!("the cluster ended");
            }
            anyhow::Ok(serde_json::from_str(&line).unwrap_or(Answer { error: None }))
        });
        match answer.await??.error {
            Some(error) => bail!(error),
            None => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 40 || !name.bytes().all(good) || name.starts_with('-') {
        bail!("the name {name:?} won't do: use at most 40 lower-case letters, digits and dashes");
    }
    Ok(())
}

/// Does blocking work elsewhere and passes on, here, what it says meanwhile.
async fn aside<T: Send + 'static>(
    progress: &impl Fn(&str),
    work: impl FnOnce(&dyn Fn(String)) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, mut receiver) = unbounded_channel::<String>();
    let task = tokio::task::spawn_blocking(move || {
        work(&|line| {
            // Nobody listens once the caller has given up.
            let _ = sender.send(line);
        })
    });
    while let Some(line) = receiver.recv().await {
        progress(&line);
    }
    task.await?
}

async fn launch(
    options: &Options,
    state: StateDir,
    program: &Path,
    progress: &impl Fn(&str),
) -> Result<Cluster> {
    let started = Instant::now();
    std::fs::create_dir_all(runs())?;
    let launch = Launch {
        nodes: options.nodes,
        lifetime: options.lifetime,
        audit_log: options.audit_log,
        search_path: parts::search_path()?,
    };
    let mut child = Command::new(program)
        .arg("supervise")
        .arg(state.path())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    let mut input = child.stdin.take().context("the supervisor has no standard input")?;
    input
        .write_all((serde_json::to_string(&launch)? + "\n").as_bytes())
        .context("tell the supervisor what to do")?;
    let output = child.stdout.take().context("the supervisor has no standard output")?;
    let (sender, reports) = unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(Report::parse(&line));
        }
    });
    // A detached cluster has no leash; this process's end means nothing to it.
    let leash = (options.lifetime == Lifetime::WithParent).then_some(input);
    let failed = crate::paths::target().join("failed").join(&options.name);
    let cluster = Cluster::at(state, leash, Some(child));
    follow(reports, progress)
        .await
        .with_context(|| format!("start the cluster (logs: {})", failed.display()))?;
    progress(&format!("cluster {} is up after {:.1} s", options.name, started.elapsed().as_secs_f32()));
    Ok(cluster)
}

async fn follow(mut reports: UnboundedReceiver<Report>, progress: &impl Fn(&str)) -> Result<()> {
    while let Some(report) = reports.recv().await {
        match report {
            Report::Progress(line) => progress(&line),
            Report::Ready => return Ok(()),
            Report::Failed(why) => bail!(why),
        }
    }
    bail!("the cluster ended before it was up")
}

/// The program `cluster`: beside this one, where cargo puts it, or built now.
fn supervisor_program(progress: &dyn Fn(&str)) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("ORION_CLUSTER_BIN") {
        return Ok(PathBuf::from(given));
    }
    let own = std::env::current_exe().context("find this program")?;
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("cluster"));
    if let Some(program) = beside.into_iter().find(|candidate| candidate.is_file()) {
        return Ok(program);
    }
    progress("building the cluster's supervisor");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    crate::exec::run(
        Command::new(cargo)
            .args(["build", "--quiet", "-p", "cluster", "--bin", "cluster"])
            .current_dir(workspace()),
    )?;
    let target = crate::paths::target();
    let program = target.parent().unwrap_or(&target).join("debug/cluster");
    if program.is_file() { Ok(program) } else { bail!("{} wasn't built", program.display()) }
}
