//! The one way in. Finds the service behind a path, lets in who may, and passes bodies both ways as they come.
//!
//! What a client sends is either passed on unchanged or refused; nothing it sends can look like the platform's own
//! word, and nothing it does, or a service does, makes the gateway wait for ever or hold without bound.

pub mod config;
pub mod domain;
pub mod error;
pub mod proxy;
pub mod store;

mod metrics;
mod routes;
mod state;

use std::time::Duration;

use axum::Router;
use chassis::Chassis;
use chassis::config::{Bad, Reader};

use crate::config::Config;

pub struct Gateway;

impl chassis::Service for Gateway {
    const NAME: &'static str = "gateway";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    /// Bodies may flow for as long as they do flow: what is bounded are the waits.
    const REQUEST_TIMEOUT: Option<Duration> = None;
    /// The gateway's own says how the services behind it are.
    const HEALTH_ROUTE: bool = false;

    type Settings = Config;

    fn settings(reader: &mut Reader) -> Result<Config, Bad> {
        Config::read(reader)
    }

    async fn build(chassis: Chassis, config: Config) -> anyhow::Result<Router> {
        Ok(routes::router(state::State::new(chassis, config)?))
    }
}
