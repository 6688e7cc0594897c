//! From the edit of one service to its new pod being ready: what a developer waits for.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{Bench, keep, median, row, seconds, table};
use crate::state::State;
use crate::up;
use crate::{images, paths};

const SERVICE: &str = "gateway";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    service: &'static str,
    runs: Vec<Run>,
    edit_to_ready_seconds: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    image_seconds: f64,
    load_seconds: f64,
    pod_seconds: f64,
}

impl Run {
    fn total(&self) -> f64 {
        self.image_seconds + self.load_seconds + self.pod_seconds
    }
}

pub(super) fn measure(bench: &Bench, repeat: usize) -> Result<()> {
    // Once unmeasured, so that only the edit is new.
    once(bench)?;
    let edit = Edit::new()?;
    let mut runs = vec![];
    for number in 1..=repeat {
        edit.write(number)?;
        runs.push(once(bench)?);
    }
    drop(edit);
    once(bench)?;
    let of = |value: fn(&Run) -> f64| median(&runs.iter().map(value).collect::<Vec<_>>());
    let edit_to_ready_seconds = of(Run::total);
    let rows = [
        row(&["compile and image", &seconds(of(|r| r.image_seconds))]),
        row(&["onto the nodes", &seconds(of(|r| r.load_seconds))]),
        row(&["new pod ready", &seconds(of(|r| r.pod_seconds))]),
        row(&["edit to ready", &seconds(edit_to_ready_seconds)]),
    ];
    table(&format!("build: an edit of {SERVICE}, median of {repeat}"), &rows);
    keep("build", &Build { service: SERVICE, runs, edit_to_ready_seconds })
}

fn once(bench: &Bench) -> Result<Run> {
    let target = &bench.target;
    let mut state = State::of(target.on, &target.uid()?);
    let begin = Instant::now();
    let built = images::build(&[SERVICE.to_owned()])?;
    let image_seconds = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let loaded = up::load(target, &built, &mut state)?;
    let load_seconds = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    up::restart(target, &bench.platform, &loaded)?;
    let deployment = format!("deployment/{}", catalog::object_name(&bench.platform.name, SERVICE));
    target.get(&["rollout", "status", &deployment, "-n", &bench.platform.namespace, "--timeout=180s"])?;
    Ok(Run { image_seconds, load_seconds, pod_seconds: begin.elapsed().as_secs_f64() })
}

/// A change that ends up in the binary; the file is as it was when this goes.
struct Edit {
    file: PathBuf,
    original: String,
}

impl Edit {
    fn new() -> Result<Self> {
        let file = paths::root().join(format!("services/{SERVICE}/src/main.rs"));
        let original = std::fs::read_to_string(&file).with_context(|| paths::shown(&file))?;
        Ok(Edit { file, original })
    }

    fn write(&self, number: usize) -> Result<()> {
        let main = self.original.find("fn main(").context("the service has no main")?;
        let body = main + self.original[main..].find('{').context("its main has no body")? + 1;
        let (head, tail) = self.original.split_at(body);
        let edit = format!(" std::hint::black_box(\"edit {number} of a measurement\");");
        Ok(std::fs::write(&self.file, format!("{head}{edit}{tail}"))?)
    }
}

impl Drop for Edit {
    fn drop(&mut self) {
        if let Err(error) = std::fs::write(&self.file, &self.original) {
            eprintln!("{} has a measurement's edit in it: {error}", paths::shown(&self.file));
        }
    }
}
