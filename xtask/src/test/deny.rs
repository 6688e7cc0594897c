//! cargo-deny over deny.toml. It is built once, unoptimised: a minute instead of many, and quick enough to run.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{paths, progress, sh};

const VERSION: &str = "0.20.2";

/// Licences, duplicate versions and sources. Advisories need a database that changes by itself, so that the same
/// commit would pass today and fail tomorrow: they are for a scheduled run, `cargo deny check advisories`.
pub(super) fn check() -> Result<()> {
    let tool = tool()?;
    let mut deny = std::process::Command::new(tool);
    deny.current_dir(paths::root()).args([
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]);
    sh::run(&mut deny).context("see deny.toml: each exception there has its reason")
}

fn tool() -> Result<PathBuf> {
    let folder = paths::target().join(format!("tools/cargo-deny-{VERSION}"));
    let tool = folder.join("bin/cargo-deny");
    if tool.exists() {
        return Ok(tool);
    }
    progress::step(&format!("build cargo-deny {VERSION}"), || {
        let mut install = sh::cargo();
        install.args(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]).arg(&folder);
        install.env("CARGO_TARGET_DIR", paths::target().join("tools/build"));
        for (key, value) in [("OPT_LEVEL", "0"), ("LTO", "off"), ("DEBUG", "0"), ("CODEGEN_UNITS", "16")] {
            install.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
        }
        // Not the workspace's own settings, nor the environment of the cargo that runs us.
        install.current_dir("/");
        sh::logged(&mut install, &paths::target().join("tools/cargo-deny.log"))
    })?;
    // Only what it was built from: 400 MB.
    let _ = std::fs::remove_dir_all(paths::target().join("tools/build"));
    Ok(tool)
}
