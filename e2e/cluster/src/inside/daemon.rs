//! A program that must keep running: started again when it ends, with its words in a log.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::node_init::append;
use crate::paths::StateDir;

/// Keeps a program of the control plane running until the cluster ends, which ends it without further ado.
pub(crate) fn keep(
    state: &StateDir,
    name: &'static str,
    command: impl Fn() -> Command + Send + Sync + 'static,
) {
    let path = state.log(name);
    tokio::spawn(async move {
        loop {
            let run = async {
                let log = append(&path)?;
                let mut command = command();
                command.current_dir("/").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
                anyhow::Ok(command.spawn()?.wait().await?)
            };
            match run.await {
                Ok(status) => eprintln!("{name} ended: {status}; starting it again"),
                Err(error) => eprintln!("{name}: {error:#}"),
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
}
