//! The operator's command line. What it does is in the library.

use clap::{Parser, Subcommand};
use operator::context::Options;
use operator::{api, controller};
use std::process::ExitCode;

/// Brings OrionPlatform objects up tier by tier, keeps them so, and takes them down in reverse.
#[derive(Parser)]
#[command(name = "operator", version = operator::VERSION)]
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
        .with_env_filter(&options.log)
        .init();
    match controller::run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ends");
            ExitCode::FAILURE
        }
    }
}
