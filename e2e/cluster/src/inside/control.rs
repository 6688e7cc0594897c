//! Orders from the library: one connection, one line, one answer.

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::Inside;
use crate::paths::StateDir;
use crate::wire::{Answer, Order};

pub(crate) fn listen(state: &StateDir) -> Result<UnixListener> {
    let path = state.control_socket();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Only where a dead cluster of the same folder left one outside of it.
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(&path).with_context(|| format!("listen on {}", path.display()))
}

/// Serves until told to stop.
pub(crate) async fn serve(inside: &'static Inside, socket: UnixListener) -> Result<()> {
    let (stop, mut stopped) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        let connection = tokio::select! {
            accepted = socket.accept() => accepted.context("accept an order")?.0,
            _ = stopped.recv() => return Ok(()),
        };
        let stop = stop.clone();
        tokio::task::spawn_local(async move {
            if let Err(error) = answer(inside, connection, stop).await {
                eprintln!("an order: {error:#}");
            }
        });
    }
}

async fn answer(
    inside: &'static Inside,
    connection: UnixStream,
    stop: tokio::sync::mpsc::Sender<()>,
) -> Result<()> {
    let (read, mut write) = connection.into_split();
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).await?;
    let order: Order = serde_json::from_str(&line)?;
    let done = match order {
        Order::AddNode { name } => {
            // The API server has been up for long: nothing to wait for.
            let (_up, up) = tokio::sync::watch::channel(true);
            inside.add_node(&name, up).await
        }
        Order::LoseNode { name } => inside.lose_node(&name).await,
        Order::LoadImage { file } => inside.load_image(&file).await,
        Order::Stop => {
            stop.send(()).await?;
            Ok(())
        }
    };
    let answer = Answer { error: done.err().map(|error| format!("{error:#}")) };
    write.write_all((serde_json::to_string(&answer)? + "\n").as_bytes()).await?;
    Ok(())
}
