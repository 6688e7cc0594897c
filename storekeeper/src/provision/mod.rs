//! Gives each service its own account in each store, and nothing else.
//!
//! Running it again changes nothing that is right already, so the Job may be repeated at any time. What it can't do
//! it says in one line, to standard error and to the container's termination log, where the operator reads it.

mod login;
pub(crate) mod mark;
mod postgres;
mod rabbitmq;
mod rabbitmq_api;
mod reader;
mod redis;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::document::Document;
use crate::failure::Failure;
use mark::Mark;

/// What is done for one store, in words for the log.
pub type Say<'a> = &'a (dyn Fn(String) + Sync);

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The document that says what to provision, JSON.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How long to wait for a store that doesn't answer, in seconds. Then it ends, which is how its reason gets known, and
    /// is started again.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub patience: u64,
    /// Where to leave the reason of a failure, if that file is there.
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub termination_log: PathBuf,
}

/// The whole subcommand: the exit code is 0, or 1 with the reason left where the operator looks for it.
pub async fn main(args: &Args) -> ExitCode {
    let outcome = match Document::read(&args.config) {
        Ok(document) => {
            let say = |line: String| println!("{line}");
            provision(&document, Duration::from_secs(args.patience), &say).await
        }
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            leave_reason(&args.termination_log, &failure);
            ExitCode::FAILURE
        }
    }
}

/// The file is there when a kubelet has put it there; nobody else wants one.
fn leave_reason(path: &Path, failure: &Failure) {
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).open(path) {
        // Nothing is left to tell of a failure to tell.
        let _ = writeln!(file, "{failure}");
    }
}

/// Provisions all stores at once. All are tried to the end, so that a failure of one doesn't hide that of another
/// in the log; the first in the order of the document is returned.
pub async fn provision(document: &Document, patience: Duration, say: Say<'_>) -> Result<(), Failure> {
    let mark = &Mark::of(&document.platform);
    let postgres = async {
        match &document.postgres {
            Some(work) => persist(patience, say, || postgres::provision(work, mark, say)).await,
            None => Ok(()),
        }
    };
    let redis = async {
        match &document.redis {
            Some(work) => persist(patience, say, || redis::provision(work, mark, say)).await,
            None => Ok(()),
        }
    };
    let rabbitmq = async {
        match &document.rabbitmq {
            Some(work) => persist(patience, say, || rabbitmq::provision(work, mark, say)).await,
            None => Ok(()),
        }
    };
    let outcomes = tokio::join!(postgres, redis, rabbitmq);
    let failures: Vec<Failure> =
        [outcomes.0, outcomes.1, outcomes.2].into_iter().filter_map(Result::err).collect();
    for other in failures.iter().skip(1) {
        say(other.to_string());
    }
    match failures.into_iter().next() {
        Some(first) => Err(first),
        None => Ok(()),
    }
}

/// Tries until it works, is refused, or nobody has answered for as long as `patience`.
async fn persist<F>(patience: Duration, say: Say<'_>, mut work: impl FnMut() -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let deadline = Instant::now() + patience;
    let mut pause = Duration::from_millis(250);
    loop {
        match work().await {
            Err(failure) if failure.passing && Instant::now() + pause < deadline => {
                say(format!("{failure}; trying again"));
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
            outcome => return outcome,
        }
    }
}
