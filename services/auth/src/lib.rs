//! Signs people in, issues and revokes tokens, keeps credentials and sessions.
//!
//! `routes` speak HTTP, `flows` are what a request does, `domain` holds the rules and `store` the SQL.

pub mod cache;
pub mod config;
pub mod domain;
mod error;
mod events;
pub mod flows;
mod routes;
pub mod state;
pub mod store;
mod tasks;

pub use error::AuthError;

use chassis::Chassis;
use chassis::config::{Bad, Reader};
use state::App;

pub struct Auth;

impl chassis::Service for Auth {
    const NAME: &'static str = "auth";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type Settings = config::Settings;

    fn settings(reader: &mut Reader) -> Result<Self::Settings, Bad> {
        config::Settings::read(reader)
    }

    fn migrations() -> Option<sqlx::migrate::Migrator> {
        Some(sqlx::migrate!())
    }

    fn openapi() -> Option<utoipa::openapi::OpenApi> {
        Some(routes::openapi())
    }

    async fn build(chassis: Chassis, settings: Self::Settings) -> anyhow::Result<axum::Router> {
        let app = App::new(chassis.clone(), settings);
        flows::keys::rotate_and_load(&app).await?;
        tasks::start(&chassis, &app);
        chassis.relay_outbox();
        Ok(routes::routes().with_state(app))
    }
}
