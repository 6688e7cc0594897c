//! What the user service may do with credentials: put one in place, look, take it away. Each can be repeated.

use super::login::note_unusable;
use super::revocation;
use crate::domain::passwords::{Busy, Outcome};
use crate::error::AuthError;
use crate::state::App;
use crate::store::credentials::{self, Credential, NewCredential};
use crate::store::sessions;
use contracts::auth::PutCredential;
use contracts::normalise_email;
use sqlx::PgTransaction;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Created,
    /// It was there already, with this e-mail and this password.
    Same,
}

/// One insert, so that a caller that was killed finds all of it or nothing, and repeats.
pub async fn put(app: &App, user_id: Uuid, request: &PutCredential) -> Result<Put, AuthError> {
    let email_normalised = normalise_email(&request.email);
    let password = request.password.expose().to_owned();
    if let Some(there) = credentials::by_id(&mut *app.db().await?, user_id).await? {
        return compare(app, there, &email_normalised, password).await;
    }
    match credentials::by_email(&mut *app.db().await?, &email_normalised).await? {
        // It came between the two questions.
        Some(there) if there.user_id == user_id => {
            return compare(app, there, &email_normalised, password).await;
        }
        Some(_) => return Err(AuthError::EmailTaken),
        None => {}
    }
    let turn = app.new_passwords.turn().await.map_err(|Busy| AuthError::TooManyNew)?;
    let (turn, password_hash) = turn.hash(password.clone()).await;
    drop(turn);
    let new = NewCredential {
        user_id,
        email: request.email.trim(),
        email_normalised: &email_normalised,
        username: &request.username,
        password_hash: &password_hash,
        roles: &request.roles,
    };
    if credentials::insert(&mut *app.db().await?, &new, app.clock.now()).await? {
        return Ok(Put::Created);
    }
    // Somebody was faster: the same caller repeating itself, or another person with this e-mail.
    match credentials::by_id(&mut *app.db().await?, user_id).await? {
        Some(there) => compare(app, there, &email_normalised, password).await,
        None => Err(AuthError::EmailTaken),
    }
}

/// A repetition proves itself by the password; names and roles are not compared, they may have changed since.
async fn compare(app: &App, there: Credential, email: &str, password: String) -> Result<Put, AuthError> {
    if there.email_normalised != email {
        return Err(AuthError::CredentialDiffers);
    }
    let (_turn, outcome) = app.new_passwords.turn().await?.verify(password, there.password_hash).await;
    match outcome {
        Outcome::Matches { .. } => Ok(Put::Same),
        Outcome::Differs => Err(AuthError::CredentialDiffers),
        Outcome::Unusable { reason } => {
            note_unusable(there.user_id, &reason);
            Err(AuthError::CredentialDiffers)
        }
    }
}

pub async fn get(app: &App, user_id: Uuid) -> Result<Option<Credential>, AuthError> {
    Ok(credentials::by_id(&mut *app.db().await?, user_id).await?)
}

/// Takes the credential away with every session; what was issued ends now.
pub async fn delete(app: &App, user_id: Uuid) -> Result<(), AuthError> {
    let Some(mut tx) = hold_all(app, user_id).await? else { return Ok(()) };
    let now = app.clock.now();
    let revoked = revocation::end_person(app, &mut tx, user_id, "credential_deleted", now).await?;
    credentials::delete(&mut tx, user_id).await?;
    tx.commit().await?;
    revocation::publish(app, revoked, now).await;
    Ok(())
}

/// A transaction that holds all sessions of a person and then the credential: the order of whoever ends a session.
async fn hold_all(app: &App, user_id: Uuid) -> Result<Option<PgTransaction<'static>>, AuthError> {
    loop {
        let mut tx = app.begin().await?;
        let held = sessions::lock_all_of(&mut tx, user_id).await?;
        if !credentials::hold(&mut tx, user_id).await? {
            return Ok(None);
        }
        // Nobody signs in any more. Whoever did in between has a session that is not held: once more, from the start.
        if sessions::all_of(&mut tx, user_id).await?.iter().all(|id| held.contains(id)) {
            return Ok(Some(tx));
        }
        tx.rollback().await?;
    }
}
