//! `cargo xtask`: parses the command line, runs the command, prints what went wrong.

use std::io::ErrorKind::BrokenPipe;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use xtask::bench;
use xtask::cli::{Cli, Command};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(options) => xtask::up::command(&options),
        Command::Down { on } => xtask::down::command(on),
        Command::Status { output } => xtask::status::command(output),
        Command::Kubectl { args } => match xtask::kubectl::command(&args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Logs { unit, follow, tail } => xtask::logs::command(&unit, follow, tail),
        Command::Images { next: true, .. } => xtask::images::next_command(),
        Command::Images { names, .. } => xtask::images::command(&names),
        Command::Stores => xtask::images::stores_command(),
        Command::Crds { check } => xtask::crds::command(check),
        Command::Chart { check } => xtask::chart::command(check),
        Command::Test { only } => xtask::test::command(&only),
        Command::Ahead => xtask::test::ahead(),
        Command::Bench { figures, repeat, idle_for, platforms, operator, seed, minutes, rounds } => {
            let idle_for = Duration::from_secs(idle_for.max(10));
            let scale = bench::Scale { sizes: &platforms, operator: operator.as_deref(), idle: idle_for };
            let chaos = bench::Chaos { seed, minutes, rounds };
            bench::command(&figures, &bench::Options { repeat, idle_for, scale, chaos })
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads has seen enough, as `head` does.
        Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            xtask::progress::wrong(&error);
            ExitCode::FAILURE
        }
    }
}
