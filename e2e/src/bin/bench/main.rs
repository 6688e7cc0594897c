//! What `cargo xtask bench upgrade` runs: measurements on real nodes, under load.

mod upgrade;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "bench")]
enum Figure {
    Upgrade,
}

#[tokio::main]
async fn main() -> ExitCode {
    let measured = match Figure::parse() {
        Figure::Upgrade => upgrade::measure().await,
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            xtask::progress::wrong(&error);
            ExitCode::FAILURE
        }
    }
}
