//! What every request of the gateway needs.

use std::sync::Arc;

use anyhow::Context;
use catalog::{Route, Service};
use chassis::Chassis;

use crate::config::Config;
use crate::proxy::Upstreams;

#[derive(Clone)]
pub(crate) struct State {
    pub(crate) chassis: Chassis,
    pub(crate) config: Arc<Config>,
    pub(crate) upstreams: Upstreams,
    /// Longest prefix first.
    pub(crate) routes: Arc<[(Route, &'static Service)]>,
}

impl State {
    pub(crate) fn new(chassis: Chassis, config: Config) -> anyhow::Result<Self> {
        let peers = chassis.settings().peers.iter().map(|(name, url)| {
            let uri = url.as_str().parse().with_context(|| format!("the address of {name}: {url}"))?;
            anyhow::Ok((*name, uri))
        });
        let upstreams = Upstreams::new(peers.collect::<Result<_, _>>()?, config.limits);
        Ok(State { chassis, config: Arc::new(config), upstreams, routes: catalog::routes().into() })
    }
}
