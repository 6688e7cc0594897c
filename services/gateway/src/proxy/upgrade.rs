//! Connections that stop being HTTP (WebSocket): after 101 both sides' bytes are passed on until one ends.

use http::StatusCode;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

/// Joins the client's connection with the service's, if the service agreed to change protocols.
pub fn join<B>(client: Option<OnUpgrade>, answer: &mut http::Response<B>) {
    let Some(client) = client.filter(|_| answer.status() == StatusCode::SWITCHING_PROTOCOLS) else { return };
    let service = hyper::upgrade::on(answer);
    tokio::spawn(async move {
        let (client, service) = match tokio::try_join!(client, service) {
            Ok(both) => both,
            Err(error) => return tracing::debug!(%error, "an upgrade was not completed"),
        };
        let ended = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(service)).await;
        tracing::debug!(?ended, "an upgraded connection ended");
    });
}
