//! The gateway as clients and services see it: real Redis, real auth and user services where they say something, raw
//! sockets for everything that a well-behaved peer would not do.

mod admission;
mod edge;
mod faults;
mod raw;
mod streaming;
mod support;
mod traces;
mod whole;
