//! Services and clients that speak bytes, for everything that a well-behaved one would not do.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One connection that a raw service accepted or a raw client opened.
pub struct Wire {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub async fn open(address: SocketAddr) -> Self {
        Wire::new(TcpStream::connect(address).await.expect("the gateway accepts"))
    }

    fn new(stream: TcpStream) -> Self {
        Wire { stream, buffer: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the other side reads");
    }

    /// Sends until the other side has had enough, and says whether it ever had.
    pub async fn send_until_refused(&mut self, bytes: &[u8]) {
        while self.stream.write_all(bytes).await.is_ok() {}
    }

    /// Reads up to and including `end`.
    pub async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|w| w == end.as_bytes()) {
                let taken: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return String::from_utf8_lossy(&taken).into_owned();
            }
            let mut piece = [0; 4096];
            let read = self.stream.read(&mut piece).await.expect("the other side sends");
            assert!(read > 0, "ended before {end:?}, after {:?}", String::from_utf8_lossy(&self.buffer));
            self.buffer.extend_from_slice(&piece[..read]);
        }
    }

    /// The head of a message, with its header names in lower case.
    pub async fn head(&mut self) -> String {
        let head = self.until("\r\n\r\n").await;
        let lower = |line: &str| match line.split_once(':') {
            Some((name, value)) if !name.contains(' ') => format!("{}:{value}", name.to_lowercase()),
            _ => line.to_owned(),
        };
        head.lines().map(lower).collect::<Vec<_>>().join("\n")
    }

    /// Everything until the other side closes or breaks the connection.
    pub async fn rest(&mut self) -> String {
        let mut piece = [0; 4096];
        while let Ok(read) = self.stream.read(&mut piece).await
            && read > 0
        {
            self.buffer.extend_from_slice(&piece[..read]);
        }
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    /// Breaks the connection instead of closing it.
    pub fn reset(self) {
        #[expect(deprecated, reason = "a zero linger never blocks, and is how a reset is made")]
        self.stream.set_linger(Some(std::time::Duration::ZERO)).expect("a socket");
    }
}

/// A service made of one function for each connection.
pub async fn service<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(Wire) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(Wire::new(stream)));
        }
    });
    address
}

/// A service that answers every request with 204 and shows the heads it got.
pub async fn recorder() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let (seen, heads) = mpsc::unbounded_channel();
    let address = service(move |mut wire| {
        let seen = seen.clone();
        async move {
            loop {
                let mut piece = [0; 1];
                if !matches!(wire.stream.peek(&mut piece).await, Ok(1)) {
                    return;
                }
                let head = wire.head().await;
                let _ = seen.send(head);
                wire.send("HTTP/1.1 204 No Content\r\nServer: raw/1.0\r\nX-Powered-By: bytes\r\n\r\n").await;
            }
        }
    })
    .await;
    (address, heads)
}

/// An address where nobody listens.
pub async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address")
}
