//! `cargo xtask test`: everything that CI runs, in the order in which a mistake is found soonest.

mod ahead;
mod deny;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;

use crate::cli::Step;
use crate::prerequisites::{self, For};
use crate::{images, progress, sh};

pub use ahead::command as ahead;

/// Crates whose tests need a whole cluster: they are the end-to-end step.
const ON_A_CLUSTER: &[&str] = &["cluster", "e2e"];

impl Step {
    fn title(self) -> &'static str {
        match self {
            Step::Fmt => "format",
            Step::Clippy => "clippy, warnings are errors",
            Step::Deny => "licences, duplicate versions, sources",
            Step::Generated => "generated files",
            Step::Unit => "unit and integration tests",
            Step::E2e => "end-to-end tests on a real cluster",
        }
    }

    fn run(self) -> Result<()> {
        match self {
            Step::Fmt => cargo(&["fmt", "--all", "--check"]).context("run `cargo fmt --all`"),
            Step::Clippy => cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ]),
            Step::Deny => deny::check(),
            Step::Generated => crate::crds::command(true),
            Step::Unit => {
                images::stores()?;
                let mut args = vec!["test", "--workspace", "--locked"];
                ON_A_CLUSTER.iter().for_each(|name| args.extend(["--exclude", name]));
                // They wait for stores most of the time: more run at once than there are cores.
                args.extend(["--", "--test-threads", "6"]);
                cargo(&args)
            }
            Step::E2e => {
                // Built here where they are missing, which takes minutes: no test's patience is for that.
                cluster::build_parts()?;
                images::build(&[])?;
                // Tests wait most of the time, for pods and for the operator: more run at once than there are cores.
                cargo(&["test", "--locked", "--package", "cluster"])?;
                cargo(&[
                    "test",
                    "--locked",
                    "--package",
                    "e2e",
                    "--test",
                    "stage",
                    "--",
                    "--test-threads",
                    "10",
                ])?;
                cargo(&["test", "--locked", "--package", "e2e", "--test", "e2e", "--", "--test-threads", "3"])
            }
        }
    }
}

pub fn command(only: &[Step]) -> Result<()> {
    let start = Instant::now();
    let steps = if only.is_empty() { Step::value_variants() } else { only };
    prerequisites::install(match steps {
        _ if steps.contains(&Step::E2e) => For::EndToEndTests,
        _ if steps.contains(&Step::Unit) => For::NativeCluster,
        _ => For::Images,
    })?;
    let mut ahead = match steps {
        [Step::E2e, ..] => None,
        _ => steps.contains(&Step::E2e).then(ahead::Ahead::start).transpose()?,
    };
    let mut times = vec![];
    for (index, step) in steps.iter().enumerate() {
        println!("\n── {}/{}  {} ──", index + 1, steps.len(), step.title());
        let began = Instant::now();
        let ready = match ahead.take_if(|_| *step == Step::E2e) {
            Some(ahead) => ahead.finish(),
            None => Ok(()),
        };
        let done = ready.and_then(|()| step.run());
        times.push((*step, began.elapsed()));
        println!("── {}, {}", if done.is_ok() { "passed" } else { "FAILED" }, progress::elapsed(began));
        if let Err(error) = done {
            summary(&times, start);
            return Err(error.context(format!("the step `{}` failed", name(*step))));
        }
    }
    summary(&times, start);
    println!("every step passed");
    Ok(())
}

fn summary(times: &[(Step, Duration)], start: Instant) {
    println!();
    for (step, time) in times {
        println!("{:<10} {:>12}", name(*step), progress::duration(*time));
    }
    println!("{:<10} {:>12}", "total", progress::elapsed(start));
}

fn name(step: Step) -> String {
    step.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()
}

fn cargo(args: &[&str]) -> Result<()> {
    sh::run(sh::cargo().args(args)).map_err(|e| anyhow!("{e}; what it says is above"))
}
