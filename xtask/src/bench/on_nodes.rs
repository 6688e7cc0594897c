//! What is measured on nodes of its own: load, faults and images of another version are the end-to-end tests' business,
//! so the program that measures is theirs (`e2e/src/bin/bench`). It shows and keeps its figures as the others do.

use anyhow::{Result, anyhow};

use crate::prerequisites::{self, For};
use crate::sh;

/// How `chaos` goes about it.
pub struct Chaos {
    pub seed: Option<u64>,
    pub minutes: u64,
    pub rounds: Option<usize>,
}

pub(super) fn upgrade() -> Result<()> {
    run(&["upgrade"])
}

pub(super) fn chaos(wanted: &Chaos) -> Result<()> {
    let mut words = vec!["chaos".to_owned(), format!("--minutes={}", wanted.minutes)];
    words.extend(wanted.seed.map(|seed| format!("--seed={seed}")));
    words.extend(wanted.rounds.map(|rounds| format!("--rounds={rounds}")));
    run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn run(words: &[&str]) -> Result<()> {
    prerequisites::install(For::NativeCluster)?;
    // Where they are missing it takes minutes, which no patience inside is for.
    cluster::build_parts()?;
    let mut cargo = sh::cargo();
    cargo.args(["run", "--quiet", "--locked", "--package", "e2e", "--bin", "bench", "--"]).args(words);
    sh::run(&mut cargo).map_err(|e| anyhow!("{e}; what it says is above"))
}
