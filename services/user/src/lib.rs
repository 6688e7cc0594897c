//! Keeps people: registration, profiles, roles. Auth keeps what they sign in with.

pub mod config;
pub mod credentials;
pub mod domain;
pub mod error;
pub mod first_admin;
pub mod reaper;
pub mod registration;
pub mod state;
pub mod store;

mod routes;

use axum::Router;
use chassis::Chassis;
use chassis::config::{Bad, Reader};
use sqlx::migrate::Migrator;
use utoipa::OpenApi;

use crate::config::Config;
use crate::state::State;

pub struct User;

impl chassis::Service for User {
    const NAME: &'static str = "user";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    type Settings = Config;

    fn settings(reader: &mut Reader) -> Result<Config, Bad> {
        Config::read(reader)
    }

    fn migrations() -> Option<Migrator> {
        Some(sqlx::migrate!())
    }

    fn openapi() -> Option<utoipa::openapi::OpenApi> {
        Some(routes::Document::openapi())
    }

    async fn build(chassis: Chassis, config: Config) -> anyhow::Result<Router> {
        let state = State::new(&chassis, &config);
        chassis.relay_outbox();
        in_background(&chassis, reaper::run(state.clone()));
        if let Some(admin) = config.first_admin {
            in_background(&chassis, first_admin::run(state.clone(), admin));
        }
        Ok(routes::router(state))
    }
}

/// Work that may be left at any point: what it does not finish, the reaper does.
fn in_background(chassis: &Chassis, work: impl Future<Output = ()> + Send + 'static) {
    chassis.spawn(|stop| async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = work => {}
        }
    });
}
