//! `cargo xtask kubectl`: the kubectl that fits, against the cluster that is up.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::on::Target;

pub fn command(args: &[OsString]) -> Result<ExitCode> {
    let target = Target::running()?;
    let status = target.kubectl().args(args).status().context("kubectl cannot be started")?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
