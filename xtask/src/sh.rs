//! Other programs: run them, and say clearly which one is missing or what it said when it failed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, anyhow, bail};

/// The `cargo` that runs us, so that the same toolchain builds everything.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(crate::paths::root());
    cargo
}

/// Where a program is found on PATH.
pub fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
    std::env::split_paths(&path).chain(sbin).map(|dir| dir.join(program)).find(|p| p.is_file())
}

/// Whether we are root: the owner of our own /proc entry.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}

/// Runs with our own output; fails with the program's name and exit status.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|e| cannot_start(command, e))?;
    check(command, status)
}

/// Runs, and gives what it printed; what it said on stderr is part of the error.
pub fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .output()
        .map_err(|e| cannot_start(command, e))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!("{} failed ({}): {}", shown(command), out.status, last_lines(said.trim(), 20));
    }
    String::from_utf8(out.stdout).with_context(|| format!("{} printed what is not UTF-8", shown(command)))
}

/// Runs with everything it prints in a file; the last lines are part of the error.
pub fn logged(command: &mut Command, log: &Path) -> Result<()> {
    if let Some(dir) = log.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let status = command.status().map_err(|e| cannot_start(command, e))?;
    check(command, status).map_err(|e| {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        anyhow!("{e}; all of it is in {}:\n{}", crate::paths::shown(log), last_lines(said.trim(), 15))
    })
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

fn cannot_start(command: &Command, error: std::io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy().into_owned();
    match error.kind() {
        ErrorKind::NotFound => anyhow!("`{program}` is not installed{}", how_to_install(&program)),
        _ => anyhow!("`{program}` cannot be started: {error}"),
    }
}

pub fn how_to_install(program: &str) -> &'static str {
    match program {
        "mmdebstrap" => ": apt-get install mmdebstrap",
        "kind" => ": see https://kind.sigs.k8s.io, or use --on native",
        "docker" => ": apt-get install docker.io, or use --on native",
        "kubectl" => ": see https://kubernetes.io/docs/tasks/tools",
        "helm" => ": see https://helm.sh/docs/intro/install",
        "git" => ": apt-get install git",
        _ => "",
    }
}

/// The program with its first arguments: enough to know which call it was.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words: Vec<&OsStr> = std::iter::once(program).chain(command.get_args().take(4)).collect();
    let words: Vec<_> = words.iter().map(|w| w.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
