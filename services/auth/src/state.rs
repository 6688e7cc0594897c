//! What every request of this service shares.

use crate::cache::Cache;
use crate::config::Settings;
use crate::domain::keyring::Keyring;
use crate::domain::passwords::Passwords;
use crate::domain::refresh;
use crate::error::AuthError;
use aws_lc_rs::hmac;
use chassis::{Chassis, Clock};
use sqlx::pool::PoolConnection;
use sqlx::{PgTransaction, Postgres};
use std::sync::{Arc, PoisonError, RwLock};

pub struct App {
    pub settings: Settings,
    pub clock: Clock,
    pub(crate) cache: Cache,
    pub(crate) passwords: Passwords,
    /// The places of those who have a credential made.
    pub(crate) new_passwords: Passwords,
    pub(crate) successor_key: hmac::Key,
    pub(crate) issuer: String,
    chassis: Chassis,
    keyring: RwLock<Option<Arc<Keyring>>>,
}

impl App {
    pub fn new(chassis: Chassis, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            clock: chassis.clock().clone(),
            cache: Cache::new(chassis.redis().clone()),
            passwords: Passwords::new(settings.hashes_at_once, settings.hashes_waiting),
            new_passwords: Passwords::new(settings.new_hashes_at_once, settings.new_hashes_waiting),
            successor_key: settings.master_key.hmac_key(refresh::PURPOSE),
            issuer: chassis.settings().token_issuer.clone(),
            keyring: RwLock::default(),
            settings,
            chassis,
        })
    }

    pub(crate) async fn db(&self) -> Result<PoolConnection<Postgres>, AuthError> {
        Ok(self.chassis.db().acquire().await?)
    }

    pub(crate) async fn begin(&self) -> Result<PgTransaction<'static>, AuthError> {
        Ok(self.chassis.db().begin().await?)
    }

    pub(crate) fn keyring(&self) -> Result<Arc<Keyring>, AuthError> {
        let held = self.keyring.read().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or(AuthError::NoKeysYet)
    }

    /// New keys: they sign, are published, and verify what comes back.
    pub(crate) fn set_keyring(&self, keyring: Keyring) {
        self.chassis.tokens().publish(keyring.published.clone());
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keyring));
    }
}
