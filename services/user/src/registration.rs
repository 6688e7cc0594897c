//! Making a person: here as pending, at auth as a credential, then here as active.
//!
//! Two databases take part and either service may stop at any point. What holds it together: a pending row comes
//! first and says when the reaper may look at it; the credential is an idempotent PUT under the person's id; and
//! activation with its event is one transaction. Whoever is told "no" leaves nothing that is theirs.

use std::time::Duration;

use chassis::RequestContext;
use contracts::auth::PutCredential;
use contracts::events::{Event, UserCreated};
use contracts::normalise_email;
use contracts::user::{Profile, RegisterRequest};
use uuid::Uuid;

use crate::credentials::{Put, PutError};
use crate::domain::idempotency::Remembered;
use crate::domain::person::{ADMIN, Person};
use crate::error::Error;
use crate::state::State;
use crate::store::people::NewPerson;
use crate::store::{Taken, cleanups, idempotency, people};

/// Well beyond the time that a call to auth may take, so the reaper never meets a registration that is under way.
pub const REAP_AFTER: Duration = Duration::from_secs(60);

/// Somebody to be registered; the fields are valid.
#[derive(Clone, Debug)]
pub struct Newcomer {
    pub email: String,
    pub username: String,
    pub password: contracts::Secret,
    pub first_name: String,
    pub last_name: String,
    pub roles: &'static [&'static str],
}

impl Newcomer {
    pub fn new(request: RegisterRequest, roles: &'static [&'static str]) -> Self {
        Newcomer {
            email: normalise_email(&request.email),
            username: request.username,
            password: request.password,
            first_name: request.first_name,
            last_name: request.last_name,
            roles,
        }
    }
}

/// What a registration came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    Now(Person),
    /// By an earlier call with the same Idempotency-Key.
    Before(Profile),
}

pub async fn register(state: &State, new: Newcomer, call: Option<Remembered>) -> Result<Registered, Error> {
    let id = contracts::new_id();
    if let Some(profile) = begin(state, id, &new, call.as_ref()).await? {
        return Ok(Registered::Before(profile));
    }
    // A client that hangs up drops this future; the registration goes on.
    let (state, context) = (state.clone(), RequestContext::current().unwrap_or_default());
    let completing = tokio::spawn(context.scope(async move { complete(&state, id, &new).await }));
    completing.await.map_err(|_| Error::Undecided)?.map(Registered::Now)
}

/// Writes the pending person, unless the same call was made before.
pub async fn begin(
    state: &State,
    id: Uuid,
    new: &Newcomer,
    call: Option<&Remembered>,
) -> Result<Option<Profile>, Error> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    if let Some(call) = call
        && !idempotency::remember(&mut tx, call, id, now).await?
    {
        return repeated(idempotency::find(&mut tx, &call.key_hash).await?, call).map(Some);
    }
    let person = NewPerson {
        id,
        email: &new.email,
        username: &new.username,
        first_name: &new.first_name,
        last_name: &new.last_name,
        roles: new.roles,
    };
    people::insert_pending(&mut tx, &person, now, now + REAP_AFTER).await?.map_err(Error::Taken)?;
    tx.commit().await?;
    Ok(None)
}

fn repeated(earlier: Option<idempotency::Earlier>, call: &Remembered) -> Result<Profile, Error> {
    match earlier {
        Some(earlier) if earlier.request_mac != call.request_mac => Err(Error::KeyReused),
        Some(idempotency::Earlier { response: Some(profile), .. }) => Ok(profile.0),
        // The first call has not ended, or its row has just gone: either way, ask again.
        _ => Err(Error::InProgress),
    }
}

/// Hands the credential to auth and activates the person. Safe to repeat for one id.
pub async fn complete(state: &State, id: Uuid, new: &Newcomer) -> Result<Person, Error> {
    let credential = PutCredential {
        email: new.email.clone(),
        password: new.password.clone(),
        username: new.username.clone(),
        roles: new.roles.iter().map(|&role| role.to_owned()).collect(),
    };
    match state.credentials.put(id, &credential).await {
        Ok(Put::Stored) => {}
        Ok(Put::EmailTaken) => return undo(state, id, AtAuth::Nothing, Error::Taken(Taken::Email)).await,
        Ok(Put::Refused(errors)) => return undo(state, id, AtAuth::Nothing, Error::Refused(errors)).await,
        Err(PutError::Busy) => return undo(state, id, AtAuth::Nothing, Error::Busy).await,
        Err(PutError::NotSent) => return undo(state, id, AtAuth::Nothing, Error::Unavailable).await,
        Err(PutError::Unknown) => return undo(state, id, AtAuth::Unknown, Error::Unavailable).await,
    }
    match activate(state, id).await {
        Ok(Some(person)) => Ok(person),
        // Somebody else ended it: another replica that completed it, or the reaper that removed it.
        Ok(None) => undo(state, id, AtAuth::Unknown, Error::Unavailable).await,
        // Else the reaper would complete what was refused.
        Err(error) => undo(state, id, AtAuth::Unknown, error).await,
    }
}

/// Activation, the event about it and the answer for repeats are one transaction.
pub async fn activate(state: &State, id: Uuid) -> Result<Option<Person>, Error> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let Some(person) = people::activate(&mut tx, id, now).await? else { return Ok(None) };
    let action = if person.has_role(ADMIN) { "bootstrap" } else { "register" };
    let created = UserCreated { user_id: id, action: action.to_owned(), user_data: person.data() };
    chassis::outbox::append(&mut tx, &Event::new(id, person.version, now, created)).await?;
    idempotency::answer(&mut tx, &person.profile).await?;
    tx.commit().await?;
    Ok(Some(person))
}

/// What is known of the credential when a registration fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtAuth {
    Nothing,
    /// Auth may have it, or may still get it from a late request.
    Unknown,
}

/// Takes back a registration; unless somebody else completed it, then it stands. When it can't be taken back, the
/// reaper ends it one way or the other, and nobody may say how.
async fn undo(state: &State, id: Uuid, at_auth: AtAuth, because: Error) -> Result<Person, Error> {
    match take_back(state, id, at_auth).await {
        Ok(None) => {}
        Ok(Some(person)) => return Ok(person),
        Err(error) => {
            tracing::warn!(user = %id, %error, %because, "could not take back a registration");
            return Err(Error::Undecided);
        }
    }
    // At once, so that the address is free; once more by the reaper, when no late request can undo it.
    if at_auth == AtAuth::Unknown && state.credentials.delete(id).await.is_err() {
        tracing::warn!(user = %id, "a credential that may exist at auth is left to be removed later");
    }
    Err(because)
}

/// Gives the person if they stay, because somebody else completed the registration.
async fn take_back(state: &State, id: Uuid, at_auth: AtAuth) -> sqlx::Result<Option<Person>> {
    let mut tx = state.db.begin().await?;
    if !people::remove_pending(&mut tx, id).await?
        && let Some(person) = people::by_id(&mut tx, id).await?
    {
        return Ok(Some(person));
    }
    if at_auth == AtAuth::Unknown {
        cleanups::schedule(&mut tx, id, state.clock.now() + REAP_AFTER).await?;
    }
    tx.commit().await?;
    Ok(None)
}
