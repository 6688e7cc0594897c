//! The commands and their options, with units and defaults: what `--help` shows.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// The one door for people and CI: a platform with one command, tests with another.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Start a cluster, install the operator, apply the sample platform and wait until it is ready
    ///
    /// Installs missing Debian packages (as root), builds what changed and leaves alone what did not: run again, it
    /// changes nothing and says so.
    Up(Up),
    /// Remove everything that `up` made
    Down {
        /// Which cluster [default: the one that is up]
        #[arg(long, value_enum)]
        on: Option<On>,
    },
    /// Say what is up: cluster, kubeconfig, gateway, platforms
    Status {
        /// Form of the answer
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Run the matching kubectl against the cluster that is up; exits with its code
    #[command(disable_help_flag = true)]
    Kubectl {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
    /// Show the log of the operator or of one unit of the platform
    Logs {
        /// operator, a service or a data store
        #[arg(default_value = "operator")]
        unit: String,
        /// Go on showing what comes
        #[arg(short, long)]
        follow: bool,
        /// How many lines of the past to show
        #[arg(long, default_value_t = 100, value_name = "LINES")]
        tail: u32,
    },
    /// Make images as archives under target/images, without a container engine
    Images {
        /// Only these; a service's name, operator, storekeeper, postgres, redis or rabbitmq [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Make the operator only, as the next minor version, under target/images/next-operator.tar: to try an upgrade
        #[arg(long, conflicts_with = "names")]
        next: bool,
    },
    /// Make the data stores' root file systems, which tests use too, and print where they are
    Stores,
    /// Write anew what is generated: crds/, the chart's copy and manifests/install.yaml
    Crds {
        /// Write nothing; fail when what is committed differs
        #[arg(long)]
        check: bool,
    },
    /// Check the Helm chart and write manifests/install.yaml from it
    Chart {
        /// Write nothing; fail when what is committed differs
        #[arg(long)]
        check: bool,
    },
    /// Run everything that CI runs, starting what it needs
    Test {
        /// Only these steps, in this order: fmt, clippy, deny, generated, unit, e2e [default: all]
        #[arg(long, value_delimiter = ',', value_enum, value_name = "STEP")]
        only: Vec<Step>,
    },
    /// What `test` starts beside its steps: makes what the end-to-end tests need, until standard input ends
    #[command(hide = true)]
    Ahead,
    /// Measure, as a table and as JSON under target/bench; never fails for a slow figure
    Bench {
        /// What to measure [default: all that needs the platform that is up; operator-scale, upgrade and chaos only by
        /// name]
        #[arg(value_enum, value_name = "FIGURE")]
        figures: Vec<Figure>,
        /// How often `install` and `build` are measured; the median is shown
        #[arg(long, default_value_t = 3, value_name = "TIMES")]
        repeat: usize,
        /// How long `idle` and `operator-scale` watch an operator at rest, in seconds
        #[arg(long, default_value_t = 120, value_name = "SECONDS")]
        idle_for: u64,
        /// With operator-scale: how many platforms, one figure each; 1,000 take half an hour on two cores
        #[arg(long, value_delimiter = ',', default_value = "1,100,1000", value_name = "COUNTS")]
        platforms: Vec<usize>,
        /// With operator-scale: a built operator, to compare it with this source's
        #[arg(long, value_name = "FILE")]
        operator: Option<PathBuf>,
        /// With chaos: begins with the same faults in the same order [default: a new one, which is printed]
        #[arg(long, value_name = "NUMBER")]
        seed: Option<u64>,
        /// With chaos: no further fault after so many minutes; a fault may take two more
        #[arg(long, default_value_t = 3, value_name = "MINUTES")]
        minutes: u64,
        /// With chaos: so many faults, however long they take, instead of --minutes
        #[arg(long, value_name = "COUNT", conflicts_with = "minutes")]
        rounds: Option<usize>,
    },
}

#[derive(clap::Args)]
pub struct Up {
    /// Which cluster: kind (needs Docker and kind), native (the project's own, needs root) or current (whatever
    /// kubeconfig points to) [default: kind where Docker and kind are there, else native]
    #[arg(long, value_enum)]
    pub on: Option<On>,
    /// The platform to apply
    #[arg(long, default_value = "manifests/samples/platform.yaml", value_name = "FILE")]
    pub manifest: PathBuf,
    /// With --on current: where its nodes fetch the images, instead of ghcr.io/orion-platform
    #[arg(long, value_name = "REGISTRY")]
    pub registry: Option<String>,
    /// Nodes of a native cluster
    #[arg(long, default_value_t = 2, value_name = "COUNT")]
    pub nodes: usize,
    /// How long the platform may take to be ready, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    Native,
    Kind,
    Current,
}

impl std::fmt::Display for On {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            On::Native => "native",
            On::Kind => "kind",
            On::Current => "current",
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// rustfmt finds nothing to change
    Fmt,
    /// clippy has no warning
    Clippy,
    /// Licences, duplicate versions and sources are as deny.toml allows
    Deny,
    /// The CRD, the chart's copy and manifests/install.yaml are what the code generates
    Generated,
    /// Unit and integration tests, the latter against real data stores
    Unit,
    /// End-to-end tests on a real cluster
    E2e,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// Size of each image; memory of each unit of an idle platform
    Footprint,
    /// Apply to Ready; next to the floor of tiered order and to all objects at once
    Install,
    /// The operator's memory, CPU and API calls in a steady state
    Idle,
    /// Edit of one service to its new pod ready
    Build,
    /// The operator with 1, 100 and 1,000 platforms whose nodes KWOK plays, on a control plane of its own: memory, CPU
    /// and API calls at rest, and the delay from an edit to the first write. Needs root, and no platform that is up
    OperatorScale,
    /// A new version under load: its time next to the floor of tiered order, requests failed, latency during it next to
    /// before. On two nodes of its own, beside whatever is up; needs root
    Upgrade,
    /// Pods, stores, the operator, objects and a node taken away at random, under load with writes: time to heal, requests
    /// failed. Fails if a platform does not heal, or if a write that was acknowledged is lost. On nodes of its own; needs
    /// root
    Chaos,
}
