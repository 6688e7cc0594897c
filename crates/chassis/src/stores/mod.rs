//! The stores that a service stands on. Each reconnects by itself and can say why it does not answer.

pub mod bus;
pub mod db;
mod publisher;
mod reconnect;
pub mod redis;
mod time;
mod tls;

pub use bus::Bus;
pub use db::Db;
pub use publisher::{Pending, Published, Publisher};
pub use redis::Redis;
pub use time::Time;
