//! Running a program to its end, with an error that says which one and what it said.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a program; gives what it wrote.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The same where other work must go on meanwhile.
pub(crate) async fn run_async(mut command: tokio::process::Command) -> Result<String> {
    let name = describe(command.as_std());
    let output = command.stdin(Stdio::null()).output().await.with_context(|| format!("start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
