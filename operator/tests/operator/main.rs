//! The operator's tests that need no cluster: one binary, one module for each part.

mod any_platform;
mod backup;
mod controller;
mod crd;
mod monitoring;
mod network;
mod plan;
mod plan_properties;
mod readers;
mod revision;
mod rotation;
mod scale;
mod stores;
mod validate;
