//! Building what is missing, once: a lock keeps two processes from doing the same quarter of an hour's work side by
//! side, and a part appears under its name only when it is complete.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Part, parts_folder};

/// How often a long build says that it is still at it.
const STILL: Duration = Duration::from_secs(30);

/// How long a version of a part is kept that isn't the current one.
const KEPT: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Builds those of the parts that aren't there yet. Without anything to do it only looks.
pub(crate) fn build_missing(parts: &'static [Part], progress: &dyn Fn(&str)) -> Result<()> {
    let missing = missing(parts)?;
    let total = missing.len();
    for (index, part) in missing.into_iter().enumerate() {
        let title = format!("part {} of {total}, {}", index + 1, part.name);
        let _lock = lock(part, &title, progress)?;
        // Looked at again: another process may have built it meanwhile.
        if !part.folder()?.is_dir() {
            build(part, &title, progress)?;
        }
    }
    Ok(())
}

/// One a part: who needs a small one doesn't wait for the largest.
fn lock(part: &Part, title: &str, progress: &dyn Fn(&str)) -> Result<File> {
    let folder = parts_folder();
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let lock = File::create(folder.join(format!("{}.lock", part.name))).context("open the lock of a part")?;
    if lock.try_lock().is_err() {
        progress(&format!("{title}: another process is building it; waiting"));
        lock.lock().context("lock a part")?;
    }
    Ok(lock)
}

fn missing(parts: &'static [Part]) -> Result<Vec<&'static Part>> {
    let mut missing = Vec::new();
    for part in parts {
        if !part.folder()?.is_dir() {
            missing.push(part);
        }
    }
    Ok(missing)
}

fn build(part: &Part, title: &str, progress: &dyn Fn(&str)) -> Result<()> {
    let started = Instant::now();
    progress(&format!("{title}: building"));
    let finished = part.folder()?;
    let unfinished = finished.with_extension("unfinished");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).context("remove what an interrupted build left")?;
    }
    std::fs::create_dir_all(&unfinished)?;
    // Programs that are named as their import path's last element are built by one command, which shares the work.
    let (plain, renamed): (Vec<_>, Vec<_>) =
        part.programs.iter().partition(|(program, package)| package.rsplit('/').next() == Some(*program));
    if !plain.is_empty() {
        let packages: Vec<&str> = plain.iter().map(|(_, package)| *package).collect();
        go_build(part, &unfinished.join(""), &packages, title, started, progress)?;
    }
    for (program, package) in renamed {
        go_build(part, &unfinished.join(program), &[package], title, started, progress)?;
    }
    std::fs::rename(&unfinished, &finished).context("give a built part its name")?;
    remove_older(part, &finished);
    progress(&format!("{title}: built in {} s", started.elapsed().as_secs()));
    Ok(())
}

fn go_build(
    part: &Part,
    output: &Path,
    packages: &[&str],
    title: &str,
    started: Instant,
    progress: &dyn Fn(&str),
) -> Result<()> {
    let mut command = Command::new(go()?);
    command
        .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", part.ldflags])
        .args(["-tags", part.tags, "-o"])
        .arg(output)
        .args(packages)
        .current_dir(part.source())
        .env("CGO_ENABLED", if part.cgo { "1" } else { "0" })
        // A go.work or flags meant for somebody else's project must not change what is built.
        .env("GOWORK", "off")
        .env("GOFLAGS", "")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = command.spawn().context("start go")?;
    let (sender, receiver) = channel();
    let waiter = std::thread::spawn(move || {
        let result = child.wait_with_output();
        // The receiver is gone only when this build has already been given up.
        let _ = sender.send(());
        result
    });
    while receiver.recv_timeout(STILL) == Err(RecvTimeoutError::Timeout) {
        progress(&format!("{title}: still building, {} s", started.elapsed().as_secs()));
    }
    let Ok(output) = waiter.join() else { bail!("waiting for go failed") };
    let output = output.context("wait for go")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("go: downloading")).collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        bail!("building the part {} failed:\n{tail}", part.name);
    }
    Ok(())
}

/// Other versions of a part are large and soon of no use. Not at once: another branch may want them, and a running
/// cluster goes on with the programs it was started with.
fn remove_older(part: &Part, current: &Path) {
    let prefix = format!("{}-", part.name);
    for entry in std::fs::read_dir(parts_folder()).into_iter().flatten().flatten() {
        let old = entry
            .metadata()
            .and_then(|data| data.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > KEPT));
        if old && entry.path() != current && entry.file_name().to_string_lossy().starts_with(&prefix) {
            // Left behind at worst, and tried again after the next build.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Go's own program: on PATH, or where its installer puts it. A distribution's may be too old.
pub(crate) fn go() -> Result<PathBuf> {
    let usual = PathBuf::from("/usr/local/go/bin/go");
    let found = crate::machine::find_program("go").into_iter().chain(usual.is_file().then_some(usual));
    let mut old = None;
    for program in found {
        let version = version(&program)?;
        if !is_too_old(&version) {
            return Ok(program);
        }
        old = Some(version);
    }
    let lacking = old.map_or_else(|| "Go is missing".to_owned(), |version| format!("{version} is too old"));
    bail!("{lacking}: install Go 1.26 or newer, https://go.dev/doc/install")
}

/// As in "go version go1.26.8 linux/amd64".
fn version(go: &Path) -> Result<String> {
    let output = Command::new(go).arg("version").output().context("run go version")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// From 1.21 on Go fetches the release that a go.mod asks for; what is older does not even understand the question.
fn is_too_old(version: &str) -> bool {
    let minor = version
        .split_once("go1.")
        .and_then(|(_, rest)| rest.split(['.', ' ', 'r', 'b']).next()?.parse().ok());
    minor.is_some_and(|minor: u32| minor < 21)
}

pub(crate) fn go_version() -> Result<&'static str> {
    static VERSION: OnceLock<String> = OnceLock::new();
    if let Some(version) = VERSION.get() {
        return Ok(version);
    }
    let version = version(&go()?)?;
    Ok(VERSION.get_or_init(|| version))
}

#[cfg(test)]
mod tests {
    use super::is_too_old;

    #[test]
    fn a_go_that_cannot_fetch_a_newer_one_is_too_old() {
        assert!(is_too_old("go version go1.19.8 linux/amd64"));
        assert!(is_too_old("go version go1.20rc1 linux/amd64"));
        for version in
            ["go version go1.21.0 linux/amd64", "go version go1.26rc2 linux/amd64", "go version devel x"]
        {
            assert!(!is_too_old(version), "{version}");
        }
    }
}
