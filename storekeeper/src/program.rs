//! The stores' own programs: pg_dump, pg_restore, redis-cli, redis-server. They come with the store's image, and so are
//! of the version that its data is of.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::failure::{Failure, Place};

/// Where PostgreSQL's programs are in Debian's and the official images, beside PATH.
const POSTGRES: &str = "/usr/lib/postgresql/17/bin";

/// Where the programs are.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    root: Option<PathBuf>,
}

/// A program that runs. What it says on standard error is kept: its end is the reason of a failure.
pub(crate) struct Running {
    name: &'static str,
    pub(crate) child: Child,
    said: JoinHandle<String>,
}

impl Programs {
    /// Those of another root file system, with that one's libraries.
    pub fn of(root: PathBuf) -> Programs {
        Programs { root: Some(root) }
    }

    pub(crate) fn command(&self, name: &'static str) -> Command {
        let folders = [POSTGRES, "/usr/local/bin", "/usr/bin"].map(Path::new);
        let Some(root) = &self.root else {
            let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
            return Command::new(found.unwrap_or_else(|| name.into()));
        };
        let inside = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
        let program = folders.iter().map(|folder| inside(&folder.join(name))).find(|path| path.is_file());
        let mut command = Command::new(inside(Path::new("/lib64/ld-linux-x86-64.so.2")));
        command.arg("--library-path").arg(inside(Path::new("/usr/lib/x86_64-linux-gnu")));
        command.arg(program.unwrap_or_else(|| name.into()));
        command
    }
}

impl Running {
    /// `command` says what it reads and writes; standard error is taken.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Running, Failure> {
        let child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child =
            child.map_err(|error| Place::named(name).refused(format!("can't be started: {error}")))?;
        let errors = child.stderr.take();
        let said = tokio::spawn(async move {
            match errors {
                Some(errors) => tail(errors).await,
                None => String::new(),
            }
        });
        Ok(Running { name, child, said })
    }

    /// Waits for its end; anything but success is a failure of `place`, in the program's own words.
    pub(crate) async fn end(mut self, place: &Place) -> Result<(), Failure> {
        let status =
            self.child.wait().await.map_err(|error| place.refused(format!("{}: {error}", self.name)))?;
        if status.success() {
            return Ok(());
        }
        let said = self.said.await.unwrap_or_default();
        let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
        let reason = lines().find(|line| line.contains("error:")).or_else(|| lines().next_back());
        Err(place.passing(match reason {
            Some(line) if line.starts_with(self.name) => line.to_owned(),
            Some(line) => format!("{}: {line}", self.name),
            None => format!("{} ended: {status}", self.name),
        }))
    }
}

/// The last of what is said, however much that is.
async fn tail(mut from: impl AsyncRead + Unpin) -> String {
    const MOST: usize = 8 << 10;
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        all.extend_from_slice(&buffer[..read]);
        if all.len() > 2 * MOST {
            all.drain(..all.len() - MOST);
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}
