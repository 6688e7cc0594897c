//! The auth service as its clients see it, on a real PostgreSQL, Redis and RabbitMQ.

mod bad_input;
mod bad_tokens;
mod brought_hashes;
mod credentials;
mod keys;
mod lockout;
mod login;
mod logout;
mod refresh;
mod revocation;
mod stage;
mod upkeep;
