//! A cluster as its users see it: started, found, changed and stopped from here. The work is done by the supervisor
//! and the inside; this side starts the one and sends orders to the other.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::lock::Lock;
use crate::paths::StateDir;
use crate::wire::{Answer, Order, State};
use crate::{Lifetime, Options, launch, leftovers, machine};

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
        if options.enforce_policies {
            let missing: Vec<String> =
                machine::enforcement_prerequisites().into_iter().map(|missing| missing.message).collect();
            if !missing.is_empty() {
                bail!("this machine can't enforce NetworkPolicies:\n  {}", missing.join("\n  "));
            }
        }
        for line in leftovers::clear_leftovers() {
            progress(&line);
        }
        let state = StateDir::of(&options.name);
        if Lock::is_held(&state.lock()) {
            bail!("a cluster named {} is already running", options.name);
        }
        launch::launch(&options, state, &progress).await
    }

    /// A running cluster that was started detached, by whichever process.
    pub fn find(name: &str) -> Option<Cluster> {
        let state = StateDir::of(name);
        let known = State::read(&state)?;
        let alive = known.lifetime == Lifetime::Detached && Lock::is_held(&state.lock());
        alive.then(|| Cluster::at(state, None, None))
    }

    pub(crate) fn at(state: StateDir, leash: Option<ChildStdin>, supervisor: Option<Child>) -> Cluster {
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
