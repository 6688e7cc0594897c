//! Auth's part of a person, over its internal API.

use std::time::Duration;

use chassis::{Peer, PeerError};
use contracts::auth::PutCredential;
use contracts::{FieldError, problem};
use http::Method;
use uuid::Uuid;

/// Hashing a password takes a while when many register at once. Far below `registration::REAP_AFTER`.
const PUT_WITHIN: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub struct Credentials(Peer);

/// What auth said to a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    Stored,
    EmailTaken,
    /// It found fields that are not as it wants them.
    Refused(Vec<FieldError>),
}

/// Auth gave no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    #[error("auth was not asked")]
    NotSent,
    #[error("auth has too many to store, and stored nothing")]
    Busy,
    #[error("whether auth has the credential is not known")]
    Unknown,
}

impl Credentials {
    pub fn new(auth: Peer) -> Self {
        Credentials(auth)
    }

    /// Stores a credential. The same again is no change.
    pub async fn put(&self, id: Uuid, credential: &PutCredential) -> Result<Put, PutError> {
        let sent = self.0.request(Method::PUT, &path(id)).json(credential).within(PUT_WITHIN).send().await;
        let error = match sent {
            Ok(_) => return Ok(Put::Stored),
            Err(error) => error,
        };
        tracing::warn!(user = %id, %error, "auth did not store a credential");
        match error {
            error if error.is(problem::EMAIL_TAKEN) => Ok(Put::EmailTaken),
            PeerError::Refused { document, .. } if document.is(problem::VALIDATION_FAILED) => {
                Ok(Put::Refused(document.errors))
            }
            error if error.is(problem::TOO_MANY_REQUESTS) => Err(PutError::Busy),
            PeerError::Unavailable { sent: false, .. } => Err(PutError::NotSent),
            // A refusal that was not expected: nothing was stored, but who knows.
            _ => Err(PutError::Unknown),
        }
    }

    pub async fn exists(&self, id: Uuid) -> Result<bool, PeerError> {
        match self.0.get(&path(id)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.is(problem::NOT_FOUND) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a credential; that there is none is fine.
    pub async fn delete(&self, id: Uuid) -> Result<(), PeerError> {
        match self.0.request(Method::DELETE, &path(id)).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.is(problem::NOT_FOUND) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn path(id: Uuid) -> String {
    format!("/internal/credentials/{id}")
}
