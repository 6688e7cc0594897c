//! What can go wrong with people, and the problem that each becomes.

use std::time::Duration;

use chassis::Problem;
use contracts::{FieldError, problem};

use crate::store::Taken;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is taken")]
    Taken(Taken),
    /// Auth found more wrong with the fields than this service did.
    #[error("auth refused the credential")]
    Refused(Vec<FieldError>),
    #[error("the Idempotency-Key was used for another request")]
    KeyReused,
    #[error("the registration is still being worked on")]
    InProgress,
    #[error("auth does not answer")]
    Unavailable,
    /// Auth stored nothing.
    #[error("auth has too many credentials to store")]
    Busy,
    #[error("how the registration ends is not known yet")]
    Undecided,
    #[error("nobody has this id")]
    Nobody,
    #[error("the account is suspended")]
    Suspended,
    #[error("the profile was changed in the meantime")]
    Changed,
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

const TRY_AGAIN: Duration = Duration::from_secs(2);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Taken(Taken::Email) => Problem::new(problem::EMAIL_TAKEN)
                .field("email", "belongs to another account: sign in, or use another"),
            Error::Taken(Taken::Username) => Problem::new(problem::USERNAME_TAKEN)
                .field("username", "belongs to another account: choose another"),
            Error::Refused(errors) => {
                errors.into_iter().fold(Problem::new(problem::VALIDATION_FAILED), |problem, e| {
                    problem.field(e.field, e.message)
                })
            }
            Error::KeyReused => Problem::new(problem::IDEMPOTENCY_KEY_REUSED).detail(
                "Use a new Idempotency-Key for each registration, and the same only to repeat one unchanged.",
            ),
            Error::InProgress => Problem::new(problem::REQUEST_IN_PROGRESS)
                .detail("Repeat it with the same Idempotency-Key to learn how it ended.")
                .retry_after(TRY_AGAIN),
            Error::Unavailable => Problem::new(problem::UNAVAILABLE)
                .detail("The auth service does not answer. Nothing was changed; try again shortly.")
                .retry_after(TRY_AGAIN),
            Error::Busy => Problem::new(problem::UNAVAILABLE)
                .detail("Too many register at once. Nothing was kept; try again shortly.")
                .retry_after(TRY_AGAIN),
            Error::Undecided => Problem::new(problem::UNAVAILABLE)
                .detail(
                    "Whether you are registered is not known. Repeat the request with the same Idempotency-Key, or \
                     try to log in in a minute.",
                )
                .retry_after(TRY_AGAIN),
            Error::Nobody => {
                Problem::new(problem::NOT_FOUND).detail("There is no person for this access token.")
            }
            Error::Suspended => Problem::new(problem::ACCOUNT_DISABLED),
            Error::Changed => Problem::new(problem::PRECONDITION_FAILED)
                .detail("Read the profile again and repeat the change on what is there now."),
            Error::Store(error) => Problem::from(error),
        }
    }
}
