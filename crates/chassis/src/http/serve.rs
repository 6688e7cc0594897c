//! A listener whose connections finish what they have begun when the service is told to go.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::stall::Stalling;

/// A client that does not finish its headers by then is let go.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// Nor is one that takes nothing of an answer for so long.
const READS_WITHIN: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    open: TaskTracker,
    accepting: JoinHandle<GracefulShutdown>,
}

impl Server {
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    }

    pub(crate) fn start(listener: TcpListener, address: SocketAddr, routes: Router) -> Self {
        let (stop, open) = (CancellationToken::new(), TaskTracker::new());
        let accepting = tokio::spawn(accept(listener, routes, stop.clone(), open.clone()));
        Self { address, stop, open, accepting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes on until the last connection has ended, at most so long. Whoever answers meanwhile says that it closes.
    pub(crate) async fn wind_down(&self, within: Duration) {
        self.open.close();
        let _ = tokio::time::timeout(within, self.open.wait()).await;
    }

    /// No new connections; running requests get `grace` to finish. Whether all did.
    pub(crate) async fn drain(self, grace: Duration) -> bool {
        self.stop.cancel();
        let Ok(connections) = self.accepting.await else { return false };
        tokio::time::timeout(grace, connections.shutdown()).await.is_ok()
    }
}

async fn accept(
    listener: TcpListener,
    routes: Router,
    stop: CancellationToken,
    open: TaskTracker,
) -> GracefulShutdown {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return graceful,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => drop(open.spawn(connection(stream, peer, routes.clone(), &graceful))),
            Err(error) => {
                // Out of file descriptors, mostly: connections that end free some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    routes: Router,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    let _ = stream.set_nodelay(true);
    let service = routes.map_request(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    let connection = builder.serve_connection_with_upgrades(
        TokioIo::new(Stalling::new(stream, HEADERS_WITHIN, READS_WITHIN)),
        TowerToHyperService::new(service),
    );
    let watched = graceful.watch(connection.into_owned());
    async move {
        if let Err(error) = watched.await {
            tracing::debug!(error, "a connection ended early");
        }
    }
}
