//! The signing keys' job: at start and every so often, on each replica; the advisory lock makes them take turns.

use crate::domain::keyring::{self, Keyring};
use crate::domain::rotation::{Step, next_step};
use crate::error::AuthError;
use crate::state::App;
use crate::store::signing_keys::{self, SigningKey};
use jiff::Timestamp;
use sqlx::PgConnection;

/// Does what is due, then takes the keys into memory.
pub async fn rotate_and_load(app: &App) -> Result<(), AuthError> {
    let now = app.clock.now();
    let mut tx = app.begin().await?;
    signing_keys::lock(&mut tx).await?;
    let keys = rotate(app, &mut tx, now).await?;
    tx.commit().await?;
    app.set_keyring(Keyring::open(&keys, &app.settings.master_key)?);
    Ok(())
}

async fn rotate(app: &App, db: &mut PgConnection, now: Timestamp) -> Result<Vec<SigningKey>, AuthError> {
    loop {
        let keys = signing_keys::all(db).await?;
        let facts: Vec<_> = keys.iter().map(SigningKey::facts).collect();
        let Some(step) = next_step(&facts, now, &app.settings.key_schedule) else {
            return Ok(keys);
        };
        tracing::info!(?step, "signing keys change");
        match step {
            Step::CreateActive => {
                signing_keys::insert(db, &keyring::generate(&app.settings.master_key), true, now).await?
            }
            Step::CreatePending => {
                signing_keys::insert(db, &keyring::generate(&app.settings.master_key), false, now).await?
            }
            Step::Promote(kid) => signing_keys::promote(db, &kid, now).await?,
            Step::Remove(kid) => signing_keys::delete(db, &kid).await?,
        }
    }
}
