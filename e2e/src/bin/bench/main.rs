//! What `cargo xtask bench upgrade` and `chaos` run: measurements on real nodes, under load.

mod chaos;
mod upgrade;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "bench")]
enum Figure {
    Upgrade,
    Chaos(chaos::Wanted),
}

#[tokio::main]
async fn main() -> ExitCode {
    let measured = match Figure::parse() {
        Figure::Upgrade => upgrade::measure().await,
        Figure::Chaos(wanted) => chaos::measure(wanted).await,
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            xtask::progress::wrong(&error);
            ExitCode::FAILURE
        }
    }
}
