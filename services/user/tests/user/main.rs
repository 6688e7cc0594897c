//! The user service as its clients and the platform see it: real stores, a real auth service beside it.

mod first_admin;
mod interrupted;
mod newer_schema;
mod profile;
mod registration;
mod settings;
mod support;
