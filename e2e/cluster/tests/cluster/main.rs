//! The cluster proved by its own behaviour: what runs in it, and what is left when it ends. Needs root and Linux.

mod ending;
mod support;
mod traces;
mod workloads;
