//! Ends connections whose client stopped reading, or never began to speak. Without it, an answer nobody takes would be
//! held for ever, and with it whatever it is read from.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How a connection of HTTP/2 begins. As long as that is all there is, nothing else limits how long more is waited for:
/// which version it is, is not decided.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) struct Stalling<S> {
    stream: S,
    within: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    opening: Option<Opening>,
}

/// Runs until the version is decided.
struct Opening {
    timer: Pin<Box<Sleep>>,
    /// How much of the preface was read.
    read: usize,
}

impl Opening {
    fn decided(&mut self, bytes: &[u8]) -> bool {
        let rest = &PREFACE[self.read..];
        self.read += bytes.len().min(rest.len());
        bytes.len() >= rest.len() || !rest.starts_with(bytes)
    }
}

impl<S> Stalling<S> {
    /// `opening`: from now until it is decided which version the client speaks.
    pub(super) fn new(stream: S, opening: Duration, within: Duration) -> Self {
        let opening = Opening { timer: Box::pin(tokio::time::sleep(opening)), read: 0 };
        Self { stream, within, timer: None, opening: Some(opening) }
    }

    /// The time runs while a write waits, and begins anew with each byte that leaves.
    fn bound<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.timer = None;
            return written;
        }
        let within = self.within;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let Some(opening) = &mut self.opening else { return read };
        if read.is_pending() {
            ready!(opening.timer.as_mut().poll(cx));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client said nothing")));
        }
        if opening.decided(&buffer.filled()[before..]) {
            self.opening = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bound(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.bound(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.bound(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bound(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_client_of_which_nothing_is_known_is_let_go() {
        for said in [&b""[..], b"P", b"PRI * HT", &PREFACE[..23]] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            theirs.write_all(said).await.unwrap();
            let mut ours = Stalling::new(ours, Duration::from_millis(10), LONG);
            let error = ours.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{}", String::from_utf8_lossy(said));
        }
    }

    #[tokio::test]
    async fn a_client_whose_version_is_known_has_the_time_that_its_version_gives() {
        for said in [&b"G"[..], b"PRI * HTTP/1.1", b"GET / HTTP/1.1\r\n\r\n", PREFACE] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let mut ours = Stalling::new(ours, LONG, LONG);
            for byte in said {
                assert!(ours.opening.is_some());
                theirs.write_all(&[*byte]).await.unwrap();
                ours.read_u8().await.unwrap();
                if ours.opening.is_none() {
                    break;
                }
            }
            assert!(ours.opening.is_none(), "{}", String::from_utf8_lossy(said));
        }
    }

    #[tokio::test]
    async fn a_client_that_stops_reading_is_let_go() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut ours = Stalling::new(ours, LONG, Duration::from_millis(10));
        ours.write_all(b"1234").await.unwrap();
        let mut taken = [0; 4];
        theirs.read_exact(&mut taken).await.unwrap();
        ours.write_all(b"5678").await.unwrap();
        let error = ours.write_all(b"9").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
