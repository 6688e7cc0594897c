//! What a person does with a platform from a terminal. Commands read and write the cluster; what they print is made by
//! pure functions from what was read.

pub mod args;
mod commands;
mod problem;
mod redact;
mod screen;
mod session;

pub use screen::Screen;

use args::{Cli, Command};
use clap::Parser;
use session::Session;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

/// With this name the client writes, so that managedFields tell its changes apart.
const MANAGER: &str = "orion-cli";

/// The exit code when the answer is no: `status` of something that is not ready.
const NO: u8 = 1;
/// The exit code when there is no answer; clap has it for a wrong command line too.
const ERROR: u8 = 2;

pub fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: can't start: {error}");
            return ExitCode::from(ERROR);
        }
    };
    let (cli, mut out) = (Cli::parse(), std::io::stdout());
    match runtime.block_on(execute(cli, &mut Screen::of_stdout(&mut out))) {
        Ok(code) => ExitCode::from(code),
        // Who reads has seen enough, as `head` does.
        Err(error)
            if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(ERROR)
        }
    }
}

/// Runs one command line, its first word being the program's name. The answer is the exit code.
pub async fn run<I, T>(args: I, screen: &mut Screen<'_>) -> anyhow::Result<u8>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    execute(Cli::try_parse_from(args)?, screen).await
}

async fn execute(cli: Cli, screen: &mut Screen<'_>) -> anyhow::Result<u8> {
    // Refused when the process has one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let session = Session::connect(&cli.global).await?;
    match &cli.command {
        Command::Status(options) => return commands::status::run(&session, options, screen).await,
        Command::Why { service, platform } => {
            commands::why::run(&session, service, platform.as_deref(), screen).await
        }
        Command::History { name } => commands::history::run(&session, name.as_deref(), screen).await,
        Command::Rollback(options) => commands::rollback::run(&session, options, screen).await,
        Command::Pause { name } => commands::pause::run(&session, name.as_deref(), true, screen).await,
        Command::Resume { name } => commands::pause::run(&session, name.as_deref(), false, screen).await,
        Command::Approve { name } => commands::approve::run(&session, name.as_deref(), screen).await,
        Command::Rotate(options) => commands::rotate::run(&session, options, screen).await,
        Command::Backup(options) => commands::backup::run(&session, options, screen).await,
        Command::Backups { name } => commands::backups::run(&session, name.as_deref(), screen).await,
        Command::Restore(options) => commands::restore::run(&session, options, screen).await,
        Command::Restart(options) => commands::restart::run(&session, options, screen).await,
        Command::SupportBundle(options) => commands::support_bundle::run(&session, options, screen).await,
    }?;
    Ok(0)
}
