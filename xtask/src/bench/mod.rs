//! `cargo xtask bench`: figures of a platform that is up, as a table and as JSON under target/bench. Nothing fails for
//! being slow: figures are read by people, and compared within one run.

mod at_once;
mod build;
mod footprint;
mod idle;
mod install;
mod on_nodes;
pub mod pods;
pub mod report;
mod scale;
mod stats;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::cli::Figure;
use crate::on::Target;
use crate::status;
use report::{keep, mebibytes, median, row, seconds, table};

/// What every measurement is made on.
struct Bench {
    target: Target,
    /// The platform that `up` applied, idle while others are measured.
    platform: status::Platform,
}

pub use on_nodes::Chaos;
pub use scale::Wanted as Scale;

/// What needs the platform that is up; the default.
const OF_THE_PLATFORM: [Figure; 4] = [Figure::Footprint, Figure::Install, Figure::Idle, Figure::Build];

/// What else is said about the figures wanted.
pub struct Options<'a> {
    pub repeat: usize,
    pub idle_for: Duration,
    pub scale: Scale<'a>,
    pub chaos: Chaos,
}

pub fn command(figures: &[Figure], options: &Options<'_>) -> Result<()> {
    let figures = if figures.is_empty() { &OF_THE_PLATFORM } else { figures };
    let mut platform = None;
    for figure in figures {
        match figure {
            Figure::OperatorScale => scale::measure(&options.scale)?,
            Figure::Upgrade => on_nodes::upgrade()?,
            Figure::Chaos => on_nodes::chaos(&options.chaos)?,
            figure => {
                let bench = match platform.take() {
                    Some(bench) => bench,
                    None => Bench::of_the_platform()?,
                };
                of_the_platform(*figure, platform.insert(bench), options)?;
            }
        }
    }
    Ok(())
}

fn of_the_platform(figure: Figure, bench: &Bench, options: &Options<'_>) -> Result<()> {
    let repeat = options.repeat.max(1);
    match figure {
        Figure::Footprint => footprint::measure(bench),
        Figure::Install => install::measure(bench, repeat),
        Figure::Idle => idle::measure(bench, options.idle_for),
        Figure::Build => build::measure(bench, repeat),
        Figure::OperatorScale | Figure::Upgrade | Figure::Chaos => Ok(()),
    }
}

impl Bench {
    fn of_the_platform() -> Result<Bench> {
        let target = Target::running()?;
        let Some(platform) = status::platforms(&target)?.into_iter().find(|p| p.ready) else {
            bail!("no platform is ready to be measured: `cargo xtask up` first");
        };
        Ok(Bench { target, platform })
    }
}
