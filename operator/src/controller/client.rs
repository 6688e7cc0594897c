//! The client by which the operator talks to the API server.

use super::figures::requests::Counted;
use anyhow::Context as _;
use axum::http::HeaderValue;
use axum::http::header::USER_AGENT;
use kube::client::ClientBuilder;
use kube::{Client, Config};
use std::time::Duration;
use tower::BoxError;
use tower::layer::layer_fn;
use tower::util::MapFutureLayer;

/// How long the API server may take to begin its answer, retries included. The client by itself would wait for ever, and
/// with it whoever it works for.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may be silent in the middle of one. A watch is not: it is sent a sign of life each minute.
const SILENCE: Duration = Duration::from_secs(300);

/// As a pod finds its cluster. Never from a kubeconfig: what reads one would be 0.4 MB of an image that may have 15.
pub fn in_cluster() -> anyhow::Result<Config> {
    Config::incluster().context(
        "no cluster: the operator runs in a pod that has a ServiceAccount's token, as the chart makes it",
    )
}

/// A client of that cluster which gives up on an answer that doesn't come.
pub fn of(mut config: Config, patience: Duration) -> anyhow::Result<Client> {
    // By this name the API server's audit log tells the operator's calls apart.
    let name = HeaderValue::try_from(format!("orion-operator/{}", crate::version()))?;
    config.headers.push((USER_AGENT, name));
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    let builder = ClientBuilder::try_from(config).context("can't make a client for the cluster")?;
    let in_time = MapFutureLayer::new(move |answer| async move {
        match tokio::time::timeout(patience, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(BoxError::from(format!("no answer within {} s", patience.as_secs_f32()))),
        }
    });
    Ok(builder.with_layer(&in_time).with_layer(&layer_fn(Counted)).build())
}
