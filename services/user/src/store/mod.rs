//! All SQL of this service: plain functions on a connection, so that a caller decides what is one transaction.

pub mod cleanups;
pub mod idempotency;
pub mod people;

/// Which of a person's unique fields is somebody else's already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Email,
    Username,
}

/// What an insert or update came to: done, or stopped by a field that has to be unique.
pub type Unique<T> = Result<T, Taken>;

/// Tells a taken field from every other error of the database.
fn unique<T>(done: sqlx::Result<T>) -> sqlx::Result<Unique<T>> {
    let error = match done {
        Ok(done) => return Ok(Ok(done)),
        Err(error) => error,
    };
    match error.as_database_error().and_then(|e| e.constraint()) {
        Some("users_email_key") => Ok(Err(Taken::Email)),
        Some("users_username_key") => Ok(Err(Taken::Username)),
        _ => Err(error),
    }
}
