//! The storekeeper on real stores: each service can do its own, and nothing else.

mod backup;
mod failures;
mod marks;
mod postgres;
mod rabbitmq;
mod redis;
mod rotation;
mod support;
mod tls;
