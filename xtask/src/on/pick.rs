//! Which kind of cluster, when nobody said: what is up already, else Docker with kind, else the project's own.

use anyhow::{Result, bail};

use super::{Target, kind};
use crate::cli::On;
use crate::prerequisites::{self, For};
use crate::sh;

/// The choice, said aloud; prerequisites of the native cluster are installed on the way.
pub fn pick(asked: Option<On>) -> Result<On> {
    let (on, why) = choose(asked)?;
    println!("cluster: {on} ({why})");
    let native = on == On::Native;
    // Nothing is compiled or packed for a cluster that fetches its images.
    if on != On::Current {
        prerequisites::install(if native { For::NativeCluster } else { For::Images })?;
    }
    if native && let Err(missing) = cluster::check_machine() {
        bail!("this machine cannot run the project's own Kubernetes:\n{}", indent(&missing));
    }
    Ok(on)
}

fn choose(asked: Option<On>) -> Result<(On, &'static str)> {
    if let Some(on) = asked {
        if on == On::Kind {
            kind::check()?;
        }
        return Ok((on, "as asked"));
    }
    if let Some(target) = Target::last()? {
        return Ok((target.on, "it is up already"));
    }
    if kind::check().is_ok() {
        return Ok((On::Kind, "Docker and kind are there; --on native or --on current choose another"));
    }
    if sh::is_root() {
        return Ok((On::Native, "no Docker with kind here; --on current takes what kubeconfig points to"));
    }
    let missing = cluster::check_machine().err().unwrap_or_default();
    bail!(
        "no cluster can be made here. Either install Docker and kind, or run this as root for the project's own, \
         or choose --on current for the one that kubeconfig points to. For the project's own there is missing:\n{}",
        indent(&missing)
    )
}

fn indent(lines: &[String]) -> String {
    lines.iter().map(|l| format!("  - {l}")).collect::<Vec<_>>().join("\n")
}
