//! What the end-to-end tests need and the other steps do not: Kubernetes from its source, and the images. On a machine
//! that has neither they take a quarter of an hour, so a process of their own makes them at the lowest priority from
//! the first step on; compilers at the end of their graph and tests that wait leave it a core.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

use crate::{images, sh};

/// The process. It ends with this value, and with this program however that ends: see [`command`].
pub(super) struct Ahead {
    process: Child,
    _open: ChildStdin,
}

impl Ahead {
    pub(super) fn start() -> Result<Self> {
        let own = std::env::current_exe().context("where this program is")?;
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(own).arg("ahead").stdin(Stdio::piped()).process_group(0);
        let mut process = command.spawn().context("start what builds ahead")?;
        let open = process.stdin.take().context("its standard input")?;
        Ok(Self { process, _open: open })
    }

    /// Until all is there. Whatever failed is tried again, and told, by who needs it.
    pub(super) fn finish(mut self) -> Result<()> {
        self.process.wait().map(drop).context("wait for what builds ahead")
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // Only a step that failed leaves one at work.
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = end(self.process.id());
        }
    }
}

/// The command that the process runs. Compilers outlive a parent that is killed: here they end when standard input does.
pub fn command() -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = end(std::process::id());
    });
    // First what other steps need too.
    for program in ["helm", "readers", "versitygw"] {
        cluster::part_binary(program)?;
    }
    cluster::build_parts()?;
    let programs: Vec<_> = images::programs().into_iter().map(|program| program.name).collect();
    images::build(&programs).map(drop)
}

/// Ends a process that leads a group, with all of the group.
fn end(leader: u32) -> Result<()> {
    sh::run(Command::new("kill").args(["-KILL", "--", &format!("-{leader}")]))
}
