//! What the operator costs with one platform, a hundred, a thousand, and how soon it answers to a change: on a real API
//! server with real controllers and scheduler, where KWOK plays the nodes and the pods. The operator is the image's own
//! program, in a process of its own.

mod edits;
mod program;
mod stage;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{idle, keep, mebibytes, table};
use crate::{images, progress};
use program::Operator;
use stage::Stage;

/// How many edits are timed, at most one a platform.
const EDITS: usize = 200;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scale {
    platforms: usize,
    /// Objects that the operator watches, the platforms themselves aside.
    objects: usize,
    /// From the first platform's making to the last one's Ready; those of smaller sizes were there before.
    install_seconds: f64,
    /// Of the operator that installed them, at rest.
    after_install: program::Memory,
    /// Of an operator started anew, at rest.
    after_start: program::Memory,
    /// From the start of its process until it has read everything.
    start_seconds: f64,
    idle_seconds: u64,
    cpu_millicores: f64,
    calls_per_minute: BTreeMap<String, f64>,
    /// From the API server's receiving the edit to its receiving the operator's first write for it.
    edits: edits::Delays,
}

/// What is measured, and with what.
pub struct Wanted<'a> {
    pub sizes: &'a [usize],
    /// A built operator, instead of this source's.
    pub operator: Option<&'a Path>,
    pub idle: Duration,
}

pub(super) fn measure(wanted: &Wanted<'_>) -> Result<()> {
    let program = match wanted.operator {
        Some(program) => program.to_path_buf(),
        None => images::program("operator")?,
    };
    let mut sizes = wanted.sizes.to_vec();
    sizes.sort_unstable();
    let stage = Stage::start()?;
    let mut figures = Vec::new();
    for size in sizes {
        figures.push(one(&stage, &program, size, wanted.idle)?);
        show(&figures);
        // Each size is kept as soon as it is known: the next one takes longer than all before.
        keep("operator-scale", &figures)?;
    }
    Ok(())
}

fn one(stage: &Stage, program: &Path, size: usize, idle_for: Duration) -> Result<Scale> {
    let operator = Operator::start(stage, program)?;
    let installed = progress::step(&format!("bring up {size} platforms"), || {
        let begin = std::time::Instant::now();
        stage.platforms(size)?;
        stage.until_ready(size)?;
        Ok(begin.elapsed())
    })?;
    rest(stage, "let the operator come to rest")?;
    let after_install = operator.memory()?;
    operator.stop()?;
    let operator = Operator::start(stage, program)?;
    rest(stage, "let a new operator come to rest")?;
    let (log, begin) = stage.audit()?;
    let before = operator.cpu_seconds()?;
    progress::step(&format!("watch the operator do nothing for {} s", idle_for.as_secs()), || {
        std::thread::sleep(idle_for);
        Ok(())
    })?;
    let cpu = operator.cpu_seconds()? - before;
    let calls_per_minute = idle::calls(&log, begin, idle_for)?;
    let after_start = operator.memory()?;
    let objects = stage.objects()?;
    let edits = edits::time(stage, size.min(EDITS), if size == 1 { 20 } else { 1 })?;
    let start_seconds = operator.start_seconds();
    operator.stop()?;
    Ok(Scale {
        platforms: size,
        objects,
        install_seconds: installed.as_secs_f64(),
        after_install,
        after_start,
        start_seconds,
        idle_seconds: idle_for.as_secs(),
        cpu_millicores: cpu / idle_for.as_secs_f64() * 1000.0,
        calls_per_minute,
        edits,
    })
}

/// Until the operator has written nothing but its Lease for a while.
fn rest(stage: &Stage, what: &str) -> Result<()> {
    progress::step(what, || {
        for _ in 0..60 {
            let (log, begin) = stage.audit()?;
            std::thread::sleep(Duration::from_secs(5));
            let calls = idle::calls(&log, begin, Duration::from_secs(60))?;
            let writes = |call: &&String| {
                ["patch ", "create ", "update ", "delete "].iter().any(|verb| call.starts_with(verb))
            };
            if !calls.keys().filter(writes).any(|call| !call.ends_with(" leases")) {
                return Ok(());
            }
        }
        Err(anyhow::anyhow!("the operator still writes after five minutes"))
    })
    .context("not at rest")
}

fn show(figures: &[Scale]) {
    let line = |name: &str, of: &dyn Fn(&Scale) -> String| {
        std::iter::once(name.to_owned()).chain(figures.iter().map(of)).collect::<Vec<_>>()
    };
    let milliseconds = |seconds: f64| format!("{:.0} ms", seconds * 1000.0);
    let memory = |m: &program::Memory| mebibytes(m.resident);
    let rows = [
        line("platforms", &|f| f.platforms.to_string()),
        line("objects watched", &|f| f.objects.to_string()),
        line("memory after a start, resident", &|f| memory(&f.after_start)),
        line("  of it the program's own", &|f| mebibytes(f.after_start.own)),
        line("  at most", &|f| mebibytes(f.after_start.peak)),
        line("memory after the install, resident", &|f| memory(&f.after_install)),
        line("  at most", &|f| mebibytes(f.after_install.peak)),
        line("start until everything is read", &|f| format!("{:.1} s", f.start_seconds)),
        line("CPU at rest", &|f| format!("{:.1} millicores", f.cpu_millicores)),
        line("API calls at rest, a minute", &|f| format!("{:.1}", f.calls_per_minute.values().sum::<f64>())),
        line("  the Lease aside", &|f| {
            let aside = f.calls_per_minute.iter().filter(|(call, _)| !call.ends_with(" leases"));
            format!("{:.1}", aside.map(|(_, n)| n).sum::<f64>())
        }),
        line("edits timed", &|f| f.edits.count.to_string()),
        line("edit to first write, half of them", &|f| milliseconds(f.edits.p50)),
        line("  99 of 100", &|f| milliseconds(f.edits.p99)),
        line("  at most", &|f| milliseconds(f.edits.longest)),
    ];
    table("operator-scale: the operator alone, with nodes and pods that KWOK plays", &rows);
}
