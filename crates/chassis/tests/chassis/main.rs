//! The chassis around a small service, over real stores.

#[path = "../../examples/sample/service.rs"]
mod sample;

mod config;
mod extractors;
mod health;
mod outbox;
mod process;
mod requests;
mod stores;
mod tls;
mod tokens;
mod traces;
