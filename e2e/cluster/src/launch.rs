//! Starting a supervisor, and telling whoever waits what it is doing.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::client::Cluster;
use crate::paths::{StateDir, runs, target};
use crate::wire::{Launch, Report};
use crate::{Lifetime, Options, parts, program};

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

/// Builds what is missing and starts a supervisor; comes back when the cluster is up.
pub(crate) async fn launch(options: &Options, state: StateDir, progress: &impl Fn(&str)) -> Result<Cluster> {
    aside(progress, |say| parts::build_missing(parts::PARTS, &|line| say(line.to_owned()))).await?;
    if options.enforce_policies {
        aside(progress, |say| parts::build_missing(parts::ENFORCER, &|line| say(line.to_owned()))).await?;
    }
    let program = aside(progress, |say| program::find_or_build(&|line| say(line.to_owned()))).await?;
    let started = Instant::now();
    std::fs::create_dir_all(runs())?;
    let launch = Launch {
        nodes: options.nodes,
        lifetime: options.lifetime,
        audit_log: options.audit_log,
        enforce_policies: options.enforce_policies,
        search_path: parts::search_path(options.enforce_policies)?,
    };
    let mut child = Command::new(&program)
        .arg("supervise")
        .arg(state.path())
        .current_dir("/")
        // What a plain root's PATH may lack is in there as well.
        .env("PATH", &launch.search_path)
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
    let failed = target().join("failed").join(&options.name);
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
