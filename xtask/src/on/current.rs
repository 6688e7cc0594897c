//! A cluster that is somebody else's: whatever kubectl's own configuration points to. Nothing is made or removed here.

use anyhow::{Result, bail};

use super::{Target, program};
use crate::cli::On;

/// The cluster, or why kubectl does not reach it.
fn reach() -> Result<Result<Target, String>> {
    let target = Target { on: On::Current, kubeconfig: None, kubectl: program("kubectl")?, native: None };
    let answer = target.kubectl().args(["version", "--request-timeout=5s"]).output()?;
    if answer.status.success() {
        return Ok(Ok(target));
    }
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    Ok(Err(last.unwrap_or("it says nothing").to_owned()))
}

pub(super) fn find() -> Result<Option<Target>> {
    Ok(reach()?.ok())
}

pub(super) fn require() -> Result<Target> {
    match reach()? {
        Ok(target) => Ok(target),
        Err(said) => bail!(
            "kubectl reaches no cluster ({said}): set KUBECONFIG or choose a context, or use --on native or --on kind"
        ),
    }
}
