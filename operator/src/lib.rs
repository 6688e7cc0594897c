//! The operator: brings an OrionPlatform up tier by tier, keeps it so, says what is in the way and takes it down in
//! reverse. The binary only parses its command line; everything is here, so that tests and tools can use it.

pub mod provision;
