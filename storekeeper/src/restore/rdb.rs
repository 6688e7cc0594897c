//! A snapshot of Redis, opened by a server of its own: what it holds can then be asked for key by key.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fred::prelude::*;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use super::redis::{connect_to, words};
use crate::backup::place::Stream;
use crate::failure::{Failure, Place, unreadable};
use crate::program::{Programs, Running};

/// How long a snapshot may take to load. Redis reads hundreds of megabytes a second.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) struct Snapshot {
    pub(super) client: Client,
    running: Running,
    folder: PathBuf,
}

impl Snapshot {
    pub(super) async fn load(
        mut stream: Stream,
        folder: &Path,
        programs: &Programs,
    ) -> Result<Snapshot, Failure> {
        let folder = folder.join("redis");
        let file = folder.join("dump.rdb");
        let write = async {
            fs::create_dir_all(&folder).await?;
            File::create(&file).await
        };
        let mut output = write.await.map_err(|error| unreadable(&file, error))?;
        while let Some(chunk) = stream.chunk().await? {
            output.write_all(&chunk).await.map_err(|error| unreadable(&file, error))?;
        }
        output.flush().await.map_err(|error| unreadable(&file, error))?;
        let place = Place::named("the snapshot of redis");
        let port = free_port().map_err(|error| place.refused(error))?;
        let mut command = programs.command("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(["--dbfilename", "dump.rdb", "--dir"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut running = Running::start("redis-server", &mut command)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if running.child.try_wait().ok().flatten().is_some() {
                let ended = running.end(&place).await;
                return Err(ended.err().unwrap_or_else(|| place.refused("redis-server ended")));
            }
            if let Ok(client) = connect_to("127.0.0.1", port, None).await {
                return Ok(Snapshot { client, running, folder });
            }
            if Instant::now() > deadline {
                return Err(place.refused("was not loaded within 10 minutes"));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn close(self) {
        let _: Result<Value, Error> = words(&self.client, &["SHUTDOWN", "NOSAVE"]).await;
        let mut running = self.running;
        let _ = running.child.kill().await;
        let _ = fs::remove_dir_all(&self.folder).await;
    }
}

/// In a pod nobody else is on this address.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
