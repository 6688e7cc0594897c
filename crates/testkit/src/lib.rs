//! What tests stand on: real PostgreSQL, Redis and RabbitMQ of the cluster's own versions, a cluster that issues
//! service tokens, people who carry access tokens, and a service started in the test's own process.
//!
//! ```text
//! let env = testkit::Env::of("auth").await;            // a database, a key space and a vhost of its own
//! let auth = testkit::spawn::<auth::Auth>(env).await;  // on a free port
//! let answer = auth.post("/api/auth/login").json(&body).send().await.unwrap();
//! ```
//!
//! Two services in one test share a [`Cluster`]: `cluster.env("auth")`, `cluster.env("user").peer("auth", auth.url(""))`.
//! The stores start with the first test that needs them and end by themselves after the last. A broken one is made
//! with a [`Proxy`]: `let (env, proxy) = env.through_proxy("ORION_REDIS_URL").await`.
//!
//! Helpers here panic: a test that cannot be set up has failed.

mod authority;
mod cluster;
mod collector;
mod env;
mod people;
mod ports;
mod proxy;
mod service;
mod stores;
mod wait;

pub use authority::Authority;
pub use cluster::Cluster;
pub use collector::{Collector, Mood, SeenSpan};
pub use env::Env;
pub use people::{People, serve_jwks};
pub use ports::free_ports;
pub use proxy::Proxy;
pub use service::{TestService, client, problem, spawn, spawn_at};
pub use stores::postgres::{Database, postgres};
pub use stores::rabbitmq::{Queue, VirtualHost, rabbitmq};
pub use stores::redis::{KeySpace, redis};
pub use stores::{Administrator, Alone, administrator, alone, root_file_system};
pub use wait::eventually;
