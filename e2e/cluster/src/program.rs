//! Finding the program `cluster`, which cargo doesn't build for a test of another crate.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec::run;
use crate::paths::{target, workspace};

/// Which sources this was built from. The library and the program must agree: they speak to each other without a
/// version.
pub(crate) const SOURCES: &str = env!("CLUSTER_SOURCES");

/// The program beside this one, where cargo puts it, or one built now.
pub(crate) fn find_or_build(progress: &dyn Fn(&str)) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("ORION_CLUSTER_BIN") {
        return Ok(PathBuf::from(given));
    }
    let own = std::env::current_exe().context("find this program")?;
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("cluster"));
    if let Some(program) = beside.into_iter().find(|candidate| fits(candidate)) {
        return Ok(program);
    }
    progress("building the cluster's supervisor");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = ["build", "--quiet", "-p", "cluster", "--bin", "cluster"];
    run(Command::new(cargo).args(words).current_dir(workspace()))?;
    let target = target();
    let program = target.parent().unwrap_or(&target).join("debug/cluster");
    if fits(&program) {
        return Ok(program);
    }
    bail!("{} isn't built from the same sources as this program: build this again, too", program.display())
}

fn fits(program: &Path) -> bool {
    program.is_file() && run(Command::new(program).arg("sources")).is_ok_and(|said| said.trim() == SOURCES)
}
