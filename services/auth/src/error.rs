//! What can go wrong in a flow. How each is told to a client is in one place, below.

use crate::domain::keyring::KeyringError;
use crate::domain::passwords::Busy;
use chassis::Problem;
use chassis::stores::redis::RedisError;
use contracts::problem;
use jiff::SignedDuration;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("e-mail address or password is wrong")]
    InvalidCredentials,
    #[error("too many failed attempts")]
    Locked(SignedDuration),
    #[error("the account is disabled")]
    AccountDisabled,
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    #[error("the access token is not valid")]
    InvalidToken,
    #[error("the access token was revoked")]
    TokenRevoked,
    #[error("the e-mail address belongs to another credential")]
    EmailTaken,
    #[error("a different credential with this id is there")]
    CredentialDiffers,
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Said only where there is no credential: the caller may rely on it.
    #[error("too many credentials to store at once")]
    TooManyNew,
    #[error("the signing keys are not loaded yet")]
    NoKeysYet,
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error("signing: {0}")]
    Signing(jsonwebtoken::errors::Error),
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::InvalidCredentials => problem::INVALID_CREDENTIALS.into(),
            AuthError::Locked(wait) => Problem::new(problem::ACCOUNT_LOCKED)
                .detail("Too many logins failed. Wait as long as Retry-After says, then try again.")
                .retry_after(wait.try_into().unwrap_or_default()),
            AuthError::AccountDisabled => problem::ACCOUNT_DISABLED.into(),
            AuthError::InvalidRefreshToken => {
                Problem::new(problem::INVALID_REFRESH_TOKEN).detail("Log in again.")
            }
            AuthError::InvalidToken => problem::INVALID_TOKEN.into(),
            AuthError::TokenRevoked => problem::TOKEN_REVOKED.into(),
            AuthError::EmailTaken => problem::EMAIL_TAKEN.into(),
            AuthError::CredentialDiffers => Problem::new(problem::CONFLICT).detail(
                "A credential with this id and another e-mail address or password is there; delete it first.",
            ),
            AuthError::Busy(Busy) => Problem::new(problem::UNAVAILABLE)
                .detail("Too many logins at once. Try again shortly.")
                .retry_after(Duration::from_secs(1)),
            AuthError::TooManyNew => Problem::new(problem::TOO_MANY_REQUESTS)
                .detail("Too many credentials to store at once, and nothing was stored. Try again shortly.")
                .retry_after(Duration::from_secs(1)),
            AuthError::NoKeysYet => Problem::unavailable(error),
            AuthError::Redis(error) => error.into(),
            AuthError::Database(error) => error.into(),
            AuthError::Keyring(_) | AuthError::Signing(_) => Problem::internal(error),
        }
    }
}
