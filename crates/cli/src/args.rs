//! The commands and their options, with units and defaults: what `--help` shows.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Look after ORION platforms: what is ready, what is in the way, going back, updates
///
/// Exit code: 0 when all went well, 1 when `status` finds a platform that is not ready, 2 for an error.
#[derive(Parser)]
#[command(name = "orion", version, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args)]
pub struct Global {
    /// Namespace of the platform [default: the namespace of the kubeconfig's context]
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig [default: its current context]
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The kubeconfig [default: $KUBECONFIG, or ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Show each platform's tiers and parts, with what is in the way
    ///
    /// Exit code: 0 when every platform shown is ready, 1 when one is not, 2 for an error.
    Status(Status),
    /// Say what is in the way of one part, down to the root cause
    Why {
        /// A service, a data store or provision, as `status` names it
        service: String,
        /// The platform [default: the only one in the namespace]
        #[arg(long, value_name = "NAME")]
        platform: Option<String>,
    },
    /// List the revisions that are kept, the newest first
    History {
        /// The platform [default: the only one in the namespace]
        name: Option<String>,
    },
    /// Go back to an earlier revision, until the spec changes
    Rollback(Rollback),
    /// Have the operator change nothing: no install, no update, no repair
    Pause {
        /// The platform [default: the only one in the namespace]
        name: Option<String>,
    },
    /// End a pause
    Resume {
        /// The platform [default: the only one in the namespace]
        name: Option<String>,
    },
    /// Approve the update that a newer operator has on offer (updates: Manual)
    Approve {
        /// The platform [default: the only one in the namespace]
        name: Option<String>,
    },
    /// Replace services' accounts in the data stores, without a request being lost
    Rotate(Rotate),
    /// Make a backup now, beside those of the schedule
    Backup(Backup),
    /// List the backups that there are, the newest first; a short-lived pod of the cluster looks
    Backups {
        /// The platform [default: the only one in the namespace]
        name: Option<String>,
    },
    /// Put a backup in the place of what runs: tells what will happen and asks first
    Restore(Restore),
    /// Replace the pods of one part, as `kubectl rollout restart` does
    Restart(Restart),
    /// Write an archive for whoever helps: objects, status, events, logs; no Secret is read
    SupportBundle(SupportBundle),
}

#[derive(Args)]
pub struct Status {
    /// The platform [default: all of the namespace]
    pub name: Option<String>,
    /// Platforms of all namespaces
    #[arg(short = 'A', long, conflicts_with = "name")]
    pub all_namespaces: bool,
    /// Go on showing what changes, until interrupted
    #[arg(short, long)]
    pub watch: bool,
    /// Form of the answer; json is a list, with --watch one a line
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Args)]
pub struct Rollback {
    /// The platform [default: the only one in the namespace]
    pub name: Option<String>,
    /// Hash of a revision, as `history` lists it [default: the newest one before the current one]
    #[arg(long, value_name = "REVISION")]
    pub to: Option<String>,
    /// Take the wish back: run what the spec says again
    #[arg(long, conflicts_with = "to")]
    pub undo: bool,
}

#[derive(Args)]
pub struct Rotate {
    /// The services [default: all]
    pub services: Vec<String>,
    /// The platform [default: the only one in the namespace]
    #[arg(long, value_name = "NAME")]
    pub platform: Option<String>,
}

#[derive(Args)]
pub struct Restart {
    /// A service or a data store, as `status` names it
    pub service: String,
    /// The platform [default: the only one in the namespace]
    #[arg(long, value_name = "NAME")]
    pub platform: Option<String>,
    /// Restart a data store too, which is away meanwhile
    #[arg(long)]
    pub yes: bool,
}

#[derive(Args)]
pub struct Backup {
    /// The platform [default: the only one in the namespace]
    pub name: Option<String>,
    /// Wait until it is complete; exit code 2 if it fails
    #[arg(short, long)]
    pub wait: bool,
}

#[derive(Args)]
pub struct Restore {
    /// Name of a backup, as `backups` lists it
    pub backup: String,
    /// The platform [default: the only one in the namespace]
    #[arg(long, value_name = "NAME")]
    pub platform: Option<String>,
    /// Go on although the services' keys are other ones by now: what they sealed is lost
    #[arg(long)]
    pub ignore_keys: bool,
    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Args)]
pub struct SupportBundle {
    /// The archive [default: orion-support-<namespace>.tar.gz]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Namespace of the operator [default: the platform's]
    #[arg(long, value_name = "NAMESPACE")]
    pub operator_namespace: Option<String>,
    /// How many lines of each log, at most 1 MiB
    #[arg(long, default_value_t = 2000, value_name = "LINES")]
    pub tail: u32,
}
