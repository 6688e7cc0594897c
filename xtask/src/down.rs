//! `cargo xtask down`: removes everything that `up` made, and only that.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::cli::On;
use crate::on::Target;
use crate::state::State;
use crate::status::{self, OPERATOR_NAMESPACE};
use crate::up::operator::RELEASE;
use crate::{progress, sh};

const UNREACHED: &str = "nothing was removed (a cluster that is gone for good needs no `down`)";

pub fn command(asked: Option<On>) -> Result<()> {
    let start = Instant::now();
    let leftovers = cluster::clear_leftovers();
    leftovers.iter().for_each(|line| progress::note(line));
    let known = State::read().on;
    let found = match asked.or(known) {
        // One that is out of reach for a while must not be taken for one that is gone.
        Some(On::Current) => Some(Target::current().context(UNREACHED)?),
        Some(on) => Target::find(on)?,
        None => Target::last()?,
    };
    // What is known of one cluster outlives the removal of another.
    let forget = || {
        if asked.is_none() || asked == known {
            State::forget()
        }
    };
    let Some(target) = found else {
        forget();
        println!(
            "nothing is up{}",
            if leftovers.is_empty() { "" } else { "; what a dead cluster left is gone" }
        );
        return Ok(());
    };
    if target.on == On::Current {
        if !empty(&target)? {
            return Ok(());
        }
    } else {
        progress::step(&format!("stop the {} cluster and remove what it wrote", target.on), || {
            target.remove()
        })?;
    }
    forget();
    println!("\ndown in {}", progress::elapsed(start));
    Ok(())
}

/// Leaves a cluster that is somebody else's as it was: platforms, operator, definition, our namespaces. Says whether
/// all of it is gone.
fn empty(target: &Target) -> Result<bool> {
    let mut state = State::read();
    if state.on != Some(On::Current) || state.cluster_uid != target.uid()? {
        bail!("`up` made nothing on the cluster that kubeconfig points to, so nothing is removed from it");
    }
    let ours = |p: &&status::Platform| state.platforms.contains(&(p.namespace.clone(), p.name.clone()));
    for platform in status::platforms(target)?.iter().filter(ours) {
        let (namespace, name) = (&platform.namespace, &platform.name);
        progress::step(&format!("delete platform {namespace}/{name}, tier by tier"), || {
            target.get(&["delete", "orionplatforms.orion.dev", name, "-n", namespace, "--timeout=300s"])
        })?;
        if !state.namespaces.contains(namespace) {
            progress::note(&format!(
                "the namespace {namespace} was there before: it stays, with the volumes and passwords that \
                 spec.deletionPolicy keeps"
            ));
        }
    }
    let others = status::platforms(target)?;
    if !others.is_empty() {
        progress::note(
            "platforms that `up` did not make are left, so the operator and its definition stay as well: \
             delete them first, then run `down` again",
        );
        state.platforms.clear();
        state.write()?;
        return Ok(false);
    }
    if !state.release.is_empty() {
        progress::step("remove the operator and its definition", || remove_operator(target))?;
    }
    for namespace in &state.namespaces {
        progress::step(&format!("delete namespace {namespace}"), || {
            target.get(&["delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s"])
        })?;
    }
    Ok(true)
}

fn remove_operator(target: &Target) -> Result<()> {
    let mut helm = target.helm()?;
    helm.args(["uninstall", RELEASE, "-n", OPERATOR_NAMESPACE, "--wait", "--ignore-not-found"]);
    sh::output(&mut helm)?;
    let name = "orionplatforms.orion.dev";
    let Some(definition) = target.maybe(&["get", "crd", name])? else { return Ok(()) };
    // Helm leaves it, as it should for a person. One that another installation brought is not ours.
    if definition["metadata"]["annotations"]["meta.helm.sh/release-name"] == RELEASE {
        target.get(&["delete", "crd", name])?;
    }
    Ok(())
}
