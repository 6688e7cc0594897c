//! The harness of the end-to-end tests: what is promised, tried on a real Kubernetes.
//!
//! A run has one cluster; a test has a namespace in it with an operator of its own, installed from the chart with
//! rights in that namespace only. A test that fails leaves what was there to see under `target/e2e/<test>/`.
//!
//! What needs no node is tried on a [`stage`]: a control plane alone, with the operator in the test's own process.

pub mod arena;
pub mod audit;
pub mod client;
pub mod crash;
pub mod evidence;
pub mod ground;
pub mod load;
pub mod order;
pub mod place;
pub mod record;
pub mod stage;
pub mod status;
pub mod tools;
pub mod traffic;

pub use arena::{Arena, PATIENCE, eventually, scene, scene_apart, scene_policed};
pub use place::Place;
