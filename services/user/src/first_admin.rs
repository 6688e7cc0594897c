//! The first administrator, from a Secret that the operator generated: the way into a new platform.
//!
//! Registered as anybody else is, only with another role and by the service itself. Every replica tries; the unique
//! address lets one pending row win and the others go on with that one, which is safe because every step is.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use contracts::PasswordPolicy;
use contracts::user::RegisterRequest;
use garde::Validate;

use crate::domain::person::{ADMIN, USER};
use crate::error::Error;
use crate::registration::{self, Newcomer};
use crate::state::State;
use crate::store::people;

const RETRY_LEAST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(30);

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ensured {
    Created,
    /// Somebody has the role already; nothing was changed.
    Exists,
    /// The address or the user name is somebody's who is no administrator; a person has to decide.
    Taken,
}

/// Reads the files `email`, `username` and `password`. No folder means that no administrator is wanted.
pub fn read(folder: &Path, policy: &PasswordPolicy) -> anyhow::Result<Option<Newcomer>> {
    if !folder.exists() {
        return Ok(None);
    }
    let file = |name: &str| {
        let path = folder.join(name);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        anyhow::Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    };
    let request = RegisterRequest {
        email: file("email")?,
        username: file("username")?,
        password: file("password")?.into(),
        first_name: "Platform".to_owned(),
        last_name: "Administrator".to_owned(),
    };
    request
        .validate_with(policy)
        .with_context(|| format!("the first administrator in {}", folder.display()))?;
    Ok(Some(Newcomer::new(request, &[ADMIN, USER])))
}

/// Tries until it is certain that there is one.
pub async fn run(state: State, admin: Newcomer) {
    let mut pause = RETRY_LEAST;
    loop {
        match ensure_one(&state, &admin).await {
            Ok(Ensured::Created) => {
                return tracing::info!(email = admin.email, "created the first administrator");
            }
            Ok(Ensured::Exists) => return,
            Ok(Ensured::Taken) => {
                return tracing::error!(
                    email = admin.email,
                    username = admin.username,
                    "the first administrator was not created: somebody without that role has this e-mail address or \
                     user name; put others into the Secret and restart"
                );
            }
            Err(error) => tracing::info!(%error, "the first administrator has to wait"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_MOST);
    }
}

/// One attempt.
pub async fn ensure_one(state: &State, admin: &Newcomer) -> Result<Ensured, Error> {
    if people::role_is_held(&mut *state.db.acquire().await?, ADMIN).await? {
        return Ok(Ensured::Exists);
    }
    let id = contracts::new_id();
    let id = match registration::begin(state, id, admin, None).await {
        Ok(_) => id,
        Err(Error::Taken(_)) => {
            match people::by_email(&mut *state.db.acquire().await?, &admin.email).await? {
                Some(person) if person.has_role(ADMIN) => person.profile.id,
                Some(person) if person.is_pending() => return Err(Error::InProgress),
                _ => return Ok(Ensured::Taken),
            }
        }
        Err(error) => return Err(error),
    };
    registration::complete(state, id, admin).await.map(|_| Ensured::Created)
}
