//! The process that outlives its parent and its cluster. It notices the end of either, ends the other, and removes
//! what the kernel doesn't remove by itself: control groups and files. Should it be killed itself, the kernel kills
//! the inside with it, and the next start removes the rest.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use crate::inside::network::remove_link;
use crate::lock::Lock;
use crate::paths::StateDir;
use crate::wire::{Launch, Report, State};
use crate::{Lifetime, cgroups};

pub(crate) fn supervise(state: &str) -> Result<()> {
    // A session of its own: the terminal's Ctrl-C is for the parent, whose end is noticed here in its own time.
    let _ = nix::unistd::setsid();
    let state = StateDir::at(state);
    let mut input = BufReader::new(std::io::stdin());
    let mut line = String::new();
    input.read_line(&mut line).context("read the launch options")?;
    let launch: Launch = serde_json::from_str(&line).context("understand the launch options")?;

    let Some(lock) = Lock::try_take(&state.lock())? else {
        Report::Failed("a cluster of this name is already running".into()).send();
        bail!("already running");
    };
    state.create()?;
    std::fs::write(state.options(), &line)?;
    let mut inside = start_inside(&state)?;
    let outcome = watch(&mut inside, launch.lifetime, input);
    if !matches!(outcome, Ok(true)) {
        keep_logs(&state);
    }
    clean_up(&state);
    lock.remove();
    outcome.map(|_| ())
}

/// Starts the first process of the cluster's own PID namespace.
fn start_inside(state: &StateDir) -> Result<Child> {
    // By a name of its own: a rebuild of this program must not pull it away from under a running cluster.
    let own = std::env::current_exe().context("find this program")?;
    if std::fs::hard_link(&own, state.program()).is_err() {
        std::fs::copy(&own, state.program()).context("copy this program")?;
    }
    let outer = File::open("/proc/self/ns/pid").context("open this PID namespace")?;
    unshare(CloneFlags::CLONE_NEWPID).context("make a PID namespace")?;
    let inside = Command::new(state.program())
        .arg0("cluster")
        .args(["inside", &state.path().display().to_string(), &std::process::id().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::inherit())
        .stderr(File::create(state.log("inside"))?)
        .spawn()
        .context("start the inside of the cluster")?;
    // Threads can't be made while children go elsewhere.
    setns(outer, CloneFlags::CLONE_NEWPID).context("return to the outer PID namespace")?;
    Ok(inside)
}

enum End {
    Inside(bool),
    Parent,
    Asked,
}

/// Waits for the first end of anything, then for that of the inside. Says whether the inside ended as it should.
fn watch(inside: &mut Child, lifetime: Lifetime, mut input: BufReader<std::io::Stdin>) -> Result<bool> {
    let pid = Pid::from_raw(i32::try_from(inside.id())?);
    // Held to the end of this process, which the inside notices by it; waiting for a child would close it.
    let _leash = inside.stdin.take();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ends, mut ended) = tokio::sync::mpsc::unbounded_channel();
    std::thread::scope(|scope| {
        let of_inside = ends.clone();
        scope.spawn(move || {
            let good = inside.wait().is_ok_and(|status| status.success());
            let _ = of_inside.send(End::Inside(good));
        });
        if lifetime == Lifetime::WithParent {
            // Not in the scope: it may wait for ever where the inside ends first.
            std::thread::spawn(move || {
                let _ = input.read_to_end(&mut Vec::new());
                let _ = ends.send(End::Parent);
            });
        }
        let first = runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            anyhow::Ok(tokio::select! {
                end = ended.recv() => end.unwrap_or(End::Asked),
                _ = terminate.recv() => End::Asked,
                _ = interrupt.recv() => End::Asked,
            })
        });
        match first {
            Ok(End::Inside(good)) => Ok(good),
            // Killing the first process of a PID namespace kills all of it, and its end is reported after theirs.
            Ok(End::Parent | End::Asked) => {
                kill(pid, Signal::SIGKILL).map(|()| true).context("end the inside")
            }
            Err(error) => {
                let _ = kill(pid, Signal::SIGKILL);
                Err(error)
            }
        }
    })
}

/// A start that failed leaves its logs, in a place that the next failure overwrites.
fn keep_logs(state: &StateDir) {
    let kept = crate::paths::target().join("failed");
    let _ = std::fs::create_dir_all(&kept);
    let folder = kept.join(state.path().file_name().unwrap_or_default());
    let _ = std::fs::remove_dir_all(&folder);
    let _ = std::fs::rename(state.path().join("log"), folder);
}

fn clean_up(state: &StateDir) {
    if let Err(error) = cgroups::remove(&cgroups::prefix(std::process::id()), Duration::from_secs(10)) {
        eprintln!("{error:#}");
    }
    remove_remains(state);
}

/// Removes a dead cluster's link and folder; what a dying mount still holds is tried again.
pub(crate) fn remove_remains(state: &StateDir) {
    if let Some(known) = State::read(state) {
        remove_link(known.index, known.link);
    }
    let socket = state.control_socket();
    if !socket.starts_with(state.path()) {
        let _ = std::fs::remove_file(&socket);
        let _ = socket.parent().map(std::fs::remove_dir);
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while state.path().exists() {
        match std::fs::remove_dir_all(state.path()) {
            Err(error) if Instant::now() > deadline => {
                eprintln!("remove {}: {error}", state.path().display());
                return;
            }
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
