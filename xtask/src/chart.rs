//! `cargo xtask chart`: the chart is sound, and manifests/install.yaml is the chart with its defaults.

use std::process::Command;

use anyhow::{Context, Result};

use crate::crds::put;
use crate::status::OPERATOR_NAMESPACE;
use crate::up::operator::{RELEASE, chart};
use crate::{paths, sh};

const HEAD: &str =
    "# Made from charts/orion-operator by `cargo xtask chart`; a test fails when it differs.\n";

pub fn command(check: bool) -> Result<()> {
    sh::output(helm()?.args(["lint", "--strict"]).arg(chart())).context("the chart has mistakes")?;
    let mut template = helm()?;
    template.args(["template", RELEASE]).arg(chart()).args(["--namespace", OPERATOR_NAMESPACE]);
    let objects = sh::output(&mut template)?;
    let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {OPERATOR_NAMESPACE}\n");
    put(&paths::root().join("manifests/install.yaml"), &format!("{HEAD}---\n{namespace}{objects}"), check)
}

/// The project's own helm, so that everybody's output is the same.
fn helm() -> Result<Command> {
    let helm = cluster::part_binary("helm").context("the project's own helm cannot be built")?;
    let mut command = Command::new(helm);
    command.current_dir(paths::root());
    Ok(command)
}
