//! The one door for people and CI. One module a command; `main` only calls it and prints what went wrong.

pub mod images;
pub mod paths;
pub mod progress;
pub mod sh;
