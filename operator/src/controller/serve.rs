//! The operator's own health and figures.

use super::cache::Cache;
use super::figures::Figures;
use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Prometheus' text format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves until the process ends.
pub async fn run(address: SocketAddr, figures: Figures, cache: Arc<Cache>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("can't listen on {address}: choose another with --listen"))?;
    let upkeep = figures.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.upkeep();
        }
    });
    let ready = move || {
        let complete = cache.complete();
        async move {
            match complete {
                true => (StatusCode::OK, "ok\n"),
                false => (StatusCode::SERVICE_UNAVAILABLE, "the caches are not filled yet\n"),
            }
        }
    };
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move || async move { ([(CONTENT_TYPE, FORMAT)], figures.text()) }));
    axum::serve(listener, router).await.context("the management port broke")
}
