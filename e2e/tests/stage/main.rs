//! The operator against a real API server and real controllers, with no node: every way in which it can be disturbed,
//! to the very call. Needs root and Linux, and no image.

mod change;
mod chart;
mod crash;
mod deletion;
mod faults;
mod gitops;
mod install;
mod refused;
mod sequences;
mod stale;
mod steady;
mod stuck;
mod support;
mod told;
mod turns;
mod volumes;
