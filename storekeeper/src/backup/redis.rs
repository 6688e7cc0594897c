//! Redis: a snapshot of everything at one moment, got as a replica gets it, by an account that can do nothing else.

use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::document::{READER, Source};
use crate::failure::{Failure, Place, read_secret};
use crate::program::Programs;

pub(super) fn place(source: &Source) -> Place {
    Place::named(format!("redis:{}", source.port))
}

/// The instance to read from. Any will do: one that doesn't have what the master has lets nobody follow it.
pub(super) async fn reachable(source: &Source) -> Source {
    for host in &source.others {
        let connected =
            timeout(Duration::from_secs(3), TcpStream::connect((host.as_str(), source.port))).await;
        if matches!(connected, Ok(Ok(_))) {
            return Source { host: host.clone(), ..source.clone() };
        }
    }
    source.clone()
}

pub(super) fn dump(source: &Source, programs: &Programs) -> Result<Command, Failure> {
    let mut command = programs.command("redis-cli");
    command
        .args(["-h", &source.host, "-p", &source.port.to_string(), "--user", READER, "--no-auth-warning"])
        .args(["--rdb", "-"])
        .env_clear()
        .env("REDISCLI_AUTH", read_secret(&source.password_file)?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    Ok(command)
}
