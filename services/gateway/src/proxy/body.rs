//! A body on its way through: counted against a limit, given up when nothing comes, never collected.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// Why a body was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the body is larger than allowed")]
    TooLarge,
    #[error("the body stopped coming")]
    Idle,
    #[error("the connection broke in the middle of the body")]
    Broken,
}

/// What is known about a body from outside while something else reads it.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    last_millis: AtomicU64,
    fault: OnceLock<Fault>,
}

impl Progress {
    fn new() -> Arc<Self> {
        let (last_millis, fault) = (AtomicU64::new(0), OnceLock::new());
        Arc::new(Progress { started: Instant::now(), last_millis, fault })
    }

    fn touch(&self) {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_millis.store(elapsed, Ordering::Relaxed);
    }

    /// When the body last moved, or ended.
    pub fn last(&self) -> Instant {
        self.started + Duration::from_millis(self.last_millis.load(Ordering::Relaxed))
    }

    pub fn fault(&self) -> Option<Fault> {
        self.fault.get().copied()
    }
}

/// The body itself. Trailers are dropped: no service uses them, and they would pass by every check of headers.
pub struct Guarded<B> {
    inner: B,
    left: u64,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    progress: Arc<Progress>,
}

impl<B> Guarded<B> {
    pub fn new(inner: B, limit: u64, idle: Duration) -> (Self, Arc<Progress>) {
        let progress = Progress::new();
        (Guarded { inner, left: limit, idle, timer: None, progress: progress.clone() }, progress)
    }

    fn fail<T>(&self, fault: Fault) -> Poll<Option<Result<T, Fault>>> {
        // The first fault is the cause; later ones follow from it.
        let _ = self.progress.fault.set(fault);
        Poll::Ready(Some(Err(fault)))
    }

    /// The timer runs only while somebody waits for data: a slow reader is not the sender's fault.
    fn idle_is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let idle = self.idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        timer.as_mut().poll(cx).is_ready()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Guarded<B> {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        loop {
            let polled = Pin::new(&mut this.inner).poll_frame(cx);
            if polled.is_ready() {
                this.timer = None;
                this.progress.touch();
            }
            let data = match polled {
                Poll::Pending if this.idle_is_over(cx) => return this.fail(Fault::Idle),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(_))) => return this.fail(Fault::Broken),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_trailers) => continue,
                },
            };
            let Some(left) = this.left.checked_sub(data.len() as u64) else {
                return this.fail(Fault::TooLarge);
            };
            this.left = left;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Guarded<B> {
    pub fn into_axum(self) -> axum::body::Body {
        axum::body::Body::new(self.map_err(axum::Error::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(parts: &[&'static str]) -> axum::body::Body {
        let parts: Vec<_> =
            parts.iter().map(|p| Ok::<_, std::io::Error>(Bytes::from_static(p.as_bytes()))).collect();
        axum::body::Body::from_stream(futures::stream::iter(parts))
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_cut_at_the_limit() {
        let (body, progress) = Guarded::new(frames(&["1234", "5678", "9"]), 8, Duration::from_secs(1));
        assert_eq!(body.collect().await.err(), Some(Fault::TooLarge));
        assert_eq!(progress.fault(), Some(Fault::TooLarge));
        let (body, progress) = Guarded::new(frames(&["1234", "5678"]), 8, Duration::from_secs(1));
        assert_eq!(body.collect().await.expect("it fits").to_bytes(), "12345678");
        assert_eq!(progress.fault(), None);
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_given_up() {
        let endless =
            axum::body::Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let (body, progress) = Guarded::new(endless, 8, Duration::from_millis(10));
        assert_eq!(body.collect().await.err(), Some(Fault::Idle));
        assert_eq!(progress.fault(), Some(Fault::Idle));
    }
}
