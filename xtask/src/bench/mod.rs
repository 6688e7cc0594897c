//! `cargo xtask bench`: figures of a platform that is up, as a table and as JSON under target/bench. Nothing fails for
//! being slow: figures are read by people, and compared within one run.

mod at_once;
mod build;
mod footprint;
mod idle;
mod install;
mod pods;
mod scale;
mod stats;

use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::cli::Figure;
use crate::on::Target;
use crate::{paths, status};

/// What every measurement is made on.
struct Bench {
    target: Target,
    /// The platform that `up` applied, idle while others are measured.
    platform: status::Platform,
}

pub use scale::Wanted as Scale;

/// What needs the platform that is up; the default.
const OF_THE_PLATFORM: [Figure; 4] = [Figure::Footprint, Figure::Install, Figure::Idle, Figure::Build];

pub fn command(figures: &[Figure], repeat: usize, idle_for: u64, scale: &Scale<'_>) -> Result<()> {
    let figures = if figures.is_empty() { &OF_THE_PLATFORM } else { figures };
    if figures.contains(&Figure::OperatorScale) {
        scale::measure(scale)?;
    }
    let figures: Vec<Figure> = figures.iter().copied().filter(|f| *f != Figure::OperatorScale).collect();
    if figures.is_empty() {
        return Ok(());
    }
    let target = Target::running()?;
    let Some(platform) = status::platforms(&target)?.into_iter().find(|p| p.ready) else {
        bail!("no platform is ready to be measured: `cargo xtask up` first");
    };
    let bench = Bench { target, platform };
    for figure in figures {
        match figure {
            Figure::Footprint => footprint::measure(&bench)?,
            Figure::Install => install::measure(&bench, repeat.max(1))?,
            Figure::Idle => idle::measure(&bench, Duration::from_secs(idle_for.max(10)))?,
            Figure::Build => build::measure(&bench, repeat.max(1))?,
            Figure::OperatorScale => {}
        }
    }
    Ok(())
}

/// Keeps a figure as JSON, and says where.
fn keep(name: &str, figure: &impl Serialize) -> Result<()> {
    let path = paths::target().join(format!("bench/{name}.json"));
    std::fs::create_dir_all(paths::target().join("bench"))?;
    std::fs::write(&path, serde_json::to_vec_pretty(figure)?)?;
    println!("({})\n", paths::shown(&path));
    Ok(())
}

/// Rows under a title, columns as wide as they must be; all but the first are numbers, to the right.
fn table(title: &str, rows: &[Vec<String>]) {
    println!("\n{title}");
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().enumerate().map(|(c, text)| match c {
            0 => format!("{text:<w$}", w = widths[c]),
            _ => format!("{text:>w$}", w = widths[c]),
        });
        println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn seconds(time: f64) -> String {
    format!("{time:.1} s")
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_median_of_three_is_the_middle_one() {
        assert_eq!(super::median(&[3.0, 1.0, 2.0]), 2.0);
    }
}
