//! Services and clients that speak bytes, for everything that a well-behaved one would not do.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection that a raw service accepted or a raw client opened.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Wire::new(TcpStream::connect(address).await.expect("the gateway accepts"))
    }

    fn new(stream: TcpStream) -> Self {
        Wire { stream, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the other side reads");
    }

    /// Reads some more; false at the end, whichever way it came.
    async fn more(&mut self) -> bool {
        let mut piece = [0; 16384];
        let read = timeout(PATIENCE, self.stream.read(&mut piece)).await.expect("something comes, or an end");
        let Ok(read @ 1..) = read else { return false };
        self.buffer.extend_from_slice(&piece[..read]);
        true
    }

    /// Everything up to and including `end`; nothing if the connection ends before.
    pub(crate) async fn try_until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|w| w == end.as_bytes()) {
                let taken: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return Some(String::from_utf8_lossy(&taken).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    pub(crate) async fn until(&mut self, end: &str) -> String {
        let taken = self.try_until(end).await;
        taken.unwrap_or_else(|| panic!("ended before {end:?}: {:?}", String::from_utf8_lossy(&self.buffer)))
    }

    /// The head of a message, with its header names in lower case.
    pub(crate) async fn head(&mut self) -> String {
        lower_names(&self.until("\r\n\r\n").await)
    }

    /// Everything until the other side closes or breaks the connection.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    /// Breaks the connection instead of closing it.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().expect("a socket");
    }
}

fn lower_names(head: &str) -> String {
    let lower = |line: &str| match line.split_once(':') {
        Some((name, value)) if !name.contains(' ') => format!("{}:{value}", name.to_lowercase()),
        _ => line.to_owned(),
    };
    head.lines().map(lower).collect::<Vec<_>>().join("\n")
}

/// A service: every request but those for its health goes, with its head, to one function.
pub(crate) async fn service<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(Wire, String) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(Wire::new(stream), serve.clone()));
        }
    });
    address
}

async fn connection<F, Fut>(mut wire: Wire, serve: F)
where
    F: Fn(Wire, String) -> Fut,
    Fut: Future<Output = ()>,
{
    while let Some(head) = wire.try_until("\r\n\r\n").await {
        if !head.contains("/health ") {
            return serve(wire, lower_names(&head)).await;
        }
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    }
}

type Serving = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a service does that answers every request with an empty 204 and shows the heads it got.
pub(crate) fn recorder()
-> (impl Fn(Wire, String) -> Serving + Clone + Send + Sync + 'static, mpsc::UnboundedReceiver<String>) {
    let (seen, heads) = mpsc::unbounded_channel();
    let serve = move |mut wire: Wire, mut head: String| {
        let seen = seen.clone();
        Box::pin(async move {
            loop {
                let chunked = head.contains("transfer-encoding: chunked");
                let _ = seen.send(head);
                if chunked && wire.try_until("0\r\n\r\n").await.is_none() {
                    return;
                }
                wire.send("HTTP/1.1 204 No Content\r\nServer: raw/1.0\r\nX-Powered-By: bytes\r\nX-Orion-Node: 7\r\n\r\n")
                    .await;
                let Some(next) = wire.try_until("\r\n\r\n").await else { return };
                head = lower_names(&next);
            }
        }) as Serving
    };
    (serve, heads)
}
