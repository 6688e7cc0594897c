//! What the service's work needs. Everything that outlives a request is in here.

use chassis::{Chassis, Clock};
use contracts::PasswordPolicy;
use sqlx::PgPool;

use crate::config::Config;
use crate::credentials::Credentials;

#[derive(Clone)]
pub struct State {
    pub db: PgPool,
    pub clock: Clock,
    pub credentials: Credentials,
    pub password_policy: PasswordPolicy,
}

impl State {
    pub fn new(chassis: &Chassis, config: &Config) -> Self {
        State {
            db: chassis.db().clone(),
            clock: chassis.clock().clone(),
            credentials: Credentials::new(chassis.peer("auth").clone()),
            password_policy: config.password_policy,
        }
    }
}
