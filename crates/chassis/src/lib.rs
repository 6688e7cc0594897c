//! What every service needs, so that a service is only its own logic: configuration, telemetry, health, shutdown,
//! problem documents, tokens, database, Redis, bus and outbox.
//!
//! # A service
//!
//! ```text
//! // src/main.rs
//! fn main() -> std::process::ExitCode {
//!     chassis::main::<auth::Auth>()
//! }
//!
//! // src/lib.rs
//! pub struct Auth;
//!
//! impl chassis::Service for Auth {
//!     const NAME: &'static str = "auth";
//!     const VERSION: &'static str = env!("CARGO_PKG_VERSION");
//!     type Settings = config::Settings;
//!
//!     fn settings(reader: &mut chassis::config::Reader) -> Result<Self::Settings, chassis::config::Bad> {
//!         config::Settings::read(reader)
//!     }
//!     fn migrations() -> Option<sqlx::migrate::Migrator> {
//!         Some(sqlx::migrate!())
//!     }
//!     async fn build(chassis: Chassis, settings: Self::Settings) -> anyhow::Result<axum::Router> {
//!         let state = State::new(chassis.clone(), settings).await?;
//!         chassis.relay_outbox();
//!         Ok(routes::routes().with_state(state))
//!     }
//! }
//!
//! // src/config.rs
//! #[derive(Clone, Debug)]
//! pub struct Settings { pub access_token_ttl: Duration, pub key_encryption_key: Secret }
//!
//! impl Settings {
//!     pub fn read(reader: &mut Reader) -> Result<Self, Bad> {
//!         let ttl = reader.duration("ORION_ACCESS_TOKEN_TTL", Duration::from_secs(900), "how long an access token is valid");
//!         let key = reader.secret("ORION_KEY_ENCRYPTION_KEY", "encrypts the signing keys: 32 bytes, base64");
//!         Ok(Self { access_token_ttl: ttl?, key_encryption_key: key? })
//!     }
//! }
//!
//! // src/routes/login.rs
//! async fn login(State(state): State<AppState>, address: ClientAddress, Json(body): Json<LoginRequest>)
//!     -> Result<Json<TokenResponse>, Problem> { … }
//! async fn profile(person: Person, …) -> Result<Json<Profile>, Problem> { … }      // a valid access token
//! async fn put(caller: Caller, Path(id): Path<Uuid>, …) -> Result<StatusCode, Problem> { … } // a service's token
//! ```
//!
//! The chassis adds the health path of the catalog, request ids, the access log, metrics, traces, the body limit, the
//! time limit, and problem documents for what no route matches.

pub mod clock;
pub mod config;
pub mod context;
pub mod http;
pub mod outbox;
pub mod peer;
pub mod problem;
pub mod stores;
pub mod tokens;

mod health;
mod management;
mod run;
mod service;
mod start;
mod telemetry;
mod wait;

pub use clock::Clock;
pub use context::RequestContext;
pub use http::{ClientAddress, Json, Path, Query};
pub use peer::{Peer, PeerError};
pub use problem::Problem;
pub use run::{main, read};
pub use service::{Chassis, Service};
pub use start::{Running, StartError, start};
pub use stores::Time;
pub use telemetry::Call;
pub use tokens::{Caller, Person};

/// Several libraries bring TLS, each with its own idea of the cryptography: one is chosen for the process, once.
pub fn install_crypto() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // An error says that somebody else has chosen already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}
