//! What all of the program's Jobs have in common: a document, and a place for the reason of a failure.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;

use crate::backup::{self, Backup, document};
use crate::failure::Failure;
use crate::program::Programs;
use crate::restore::Restore;

/// One container of a Job's pod.
#[derive(Clone, Debug, clap::Args)]
pub struct Files {
    /// The document that says what to do, JSON.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder through which the steps hand on what they know.
    #[arg(long, value_name = "FOLDER", default_value = "/work")]
    folder: PathBuf,
    /// Tells the keys with which services seal what they store from others.
    #[arg(long, value_name = "TEXT", default_value = "", env = "ORION_KEYS")]
    keys: String,
    /// Where to leave the reason of a failure, if that file is there.
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    termination_log: PathBuf,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum BackupStep {
    /// Look whether backups can be kept, and name this one.
    Begin,
    /// Dump every database. Runs in PostgreSQL's image.
    Postgres,
    /// Take a snapshot. Runs in Redis' image.
    Redis,
    /// Make it count, and remove older ones.
    Commit,
    /// No step of a backup: say which there are.
    List,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum RestoreStep {
    /// Look whether it was done, and whether the backup is good.
    Begin,
    /// Load every database beside the one in use. Runs in PostgreSQL's image.
    Postgres,
    /// Load the snapshot beside what is in use. Runs in Redis' image.
    Redis,
    /// Put what was loaded in its place.
    Swap,
}

pub async fn back_up(files: &Files, step: BackupStep) -> ExitCode {
    let run = async {
        let backup = Backup::new(document::read(&files.config)?, &files.folder, Programs::default());
        let now = Timestamp::now();
        match step {
            BackupStep::Begin => {
                backup::install(&files.folder)?;
                backup.begin(now, &files.keys).await.map(Some)
            }
            BackupStep::Postgres => backup.postgres().await.map(|()| None),
            BackupStep::Redis => backup.redis().await.map(|()| None),
            BackupStep::Commit => backup.commit(now).await.map(Some),
            BackupStep::List => backup.list().await.map(Some),
        }
    };
    let outcome = run.await;
    finish(&files.termination_log, outcome)
}

pub async fn restore(files: &Files, step: RestoreStep) -> ExitCode {
    let say = |line: String| println!("{line}");
    let run = async {
        let restore = Restore::new(document::read(&files.config)?, &files.folder, Programs::default());
        match step {
            RestoreStep::Begin => {
                backup::install(&files.folder)?;
                restore.begin(&files.keys, &say).await
            }
            RestoreStep::Postgres => restore.postgres(&say).await,
            RestoreStep::Redis => restore.redis(&say).await,
            RestoreStep::Swap => restore.swap(&say).await,
        }
    };
    let outcome = run.await.map(|()| None);
    finish(&files.termination_log, outcome)
}

/// 0, with what was done left where the operator looks for it; or 1, with the reason there.
fn finish(log: &Path, outcome: Result<Option<String>, Failure>) -> ExitCode {
    match outcome {
        Ok(done) => {
            if let Some(done) = done {
                println!("{done}");
                leave(log, &done);
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            leave(log, &failure.to_string());
            ExitCode::FAILURE
        }
    }
}

/// The file is there when a kubelet has put it there; nobody else wants one.
pub(crate) fn leave(path: &Path, text: &str) {
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).open(path) {
        // Nothing is left to tell of a failure to tell.
        let _ = writeln!(file, "{text}");
    }
}
