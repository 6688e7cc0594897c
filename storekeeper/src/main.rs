//! The storekeeper's command line. What it does is in the library.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use storekeeper::job::{BackupStep, Files, RestoreStep};
use storekeeper::{job, provision};

/// Works inside the data stores of an ORION platform. The operator starts it as a Job.
#[derive(Parser)]
#[command(name = "storekeeper", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Give each service its account in each store.
    Provision(provision::Args),
    /// Back the stores up, a step at a time.
    Backup {
        #[command(flatten)]
        files: Files,
        #[command(subcommand)]
        step: BackupStep,
    },
    /// Restore a backup, a step at a time.
    Restore {
        #[command(flatten)]
        files: Files,
        #[command(subcommand)]
        step: RestoreStep,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // The stores' clients would each look for a provider of their own.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match cli.command {
        Command::Provision(args) => provision::main(&args).await,
        Command::Backup { files, step } => job::back_up(&files, step).await,
        Command::Restore { files, step } => job::restore(&files, step).await,
    }
}
