//! `cargo xtask down`: removes everything that `up` made, and only that.

use std::time::Instant;

use anyhow::Result;

use crate::cli::On;
use crate::on::Target;
use crate::state::State;
use crate::status::{self, OPERATOR_NAMESPACE};
use crate::up::operator::RELEASE;
use crate::{progress, sh};

pub fn command(asked: Option<On>) -> Result<()> {
    let start = Instant::now();
    let leftovers = cluster::clear_leftovers();
    leftovers.iter().for_each(|line| progress::note(line));
    let Some(target) = asked.map_or_else(Target::last, Target::find)? else {
        State::forget();
        println!(
            "nothing is up{}",
            if leftovers.is_empty() { "" } else { "; what a dead cluster left is gone" }
        );
        return Ok(());
    };
    if target.on == On::Current {
        empty(&target)?;
    } else {
        progress::step(&format!("stop the {} cluster and remove what it wrote", target.on), || {
            target.remove()
        })?;
    }
    State::forget();
    println!("\ndown in {}", progress::elapsed(start));
    Ok(())
}

/// Leaves a cluster that is somebody else's as it was: platforms, operator, definition, our namespaces.
fn empty(target: &Target) -> Result<()> {
    let state = State::of(On::Current, &target.uid()?);
    let ours = |p: &&status::Platform| state.platforms.contains(&(p.namespace.clone(), p.name.clone()));
    for platform in status::platforms(target)?.iter().filter(ours) {
        let (namespace, name) = (&platform.namespace, &platform.name);
        progress::step(&format!("delete platform {namespace}/{name}, tier by tier"), || {
            target.get(&["delete", "orionplatforms.orion.dev", name, "-n", namespace, "--timeout=300s"])
        })?;
    }
    let others = status::platforms(target)?;
    if !others.is_empty() {
        progress::note(
            "platforms that `up` did not make are left; so the operator and its definition stay as well",
        );
        return Ok(());
    }
    progress::step("remove the operator and its definition", || {
        let mut helm = target.helm()?;
        sh::output(helm.args([
            "uninstall",
            RELEASE,
            "-n",
            OPERATOR_NAMESPACE,
            "--wait",
            "--ignore-not-found",
        ]))?;
        target.get(&["delete", "crd", "orionplatforms.orion.dev", "--ignore-not-found"])
    })?;
    for namespace in &state.namespaces {
        progress::step(&format!("delete namespace {namespace}"), || {
            target.get(&["delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s"])
        })?;
    }
    Ok(())
}
