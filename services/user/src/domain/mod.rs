//! What a person is and may become, without I/O.

pub mod etag;
pub mod idempotency;
pub mod person;
