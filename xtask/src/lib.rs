//! The one door for people and CI. One module a command; `main` only parses, calls one and prints what went wrong.

pub mod bench;
pub mod chart;
pub mod cli;
pub mod crds;
pub mod down;
pub mod images;
pub mod kubectl;
pub mod logs;
pub mod on;
pub mod paths;
pub mod prerequisites;
pub mod progress;
pub mod sh;
pub mod state;
pub mod status;
pub mod test;
pub mod up;
