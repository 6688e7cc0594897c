//! The operator's command line. What it does is in the library.

use clap::{Parser, Subcommand};
use operator::context::Options;
use operator::{api, controller};
use std::process::ExitCode;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Brings OrionPlatform objects up tier by tier, keeps them so, and takes them down in reverse.
#[derive(Parser)]
#[command(name = "operator", version = operator::version())]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Look after the platforms of a cluster. This is the default.
    Run,
    /// Print the CustomResourceDefinition as YAML.
    Crd,
}

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(version) = option_env!("ORION_VERSION") {
        operator::is_version(version);
    }
    let cli = Cli::parse();
    // kube and the probe's client would each look for a provider of their own.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match cli.command.unwrap_or(Command::Run) {
        Command::Crd => {
            print!("{}", api::crd_yaml());
            ExitCode::SUCCESS
        }
        Command::Run => run(&cli.options).await,
    }
}

async fn run(options: &Options) -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .finish()
        .with(options.log.clone())
        .init();
    match controller::run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ends");
            ExitCode::FAILURE
        }
    }
}
