//! PostgreSQL: a bounded pool whose connections are tested before use, migrations, and a check that says why.

use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex as Shared, PoisonError};
use std::time::{Duration, Instant};

use contracts::Secret;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::Mutex;

use super::redis::secret_free;
use super::tls;

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a database that had no room for something counts as full.
const FULL_FOR: Duration = Duration::from_secs(30);
const DISK_FULL: &str = "53100";

/// What a full database said, and when. Not of one `Db`, because where errors become answers none is at hand.
static FULL: Shared<Option<(Instant, String)>> = Shared::new(None);

/// Remembers that there was no room for something: a full database reads, and answers every check.
pub(crate) fn note(error: &sqlx::Error) {
    let sqlx::Error::Database(cause) = error else { return };
    if cause.code().is_some_and(|code| code == DISK_FULL) {
        let full = Some((Instant::now(), cause.message().to_owned()));
        *FULL.lock().unwrap_or_else(PoisonError::into_inner) = full;
    }
}

fn has_room() -> Result<(), String> {
    let full = FULL.lock().unwrap_or_else(PoisonError::into_inner);
    match &*full {
        Some((at, words)) if at.elapsed() < FULL_FOR => Err(words.clone()),
        _ => Ok(()),
    }
}

#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    options: PgConnectOptions,
    /// Of its own, so that a busy pool is not mistaken for a lost database.
    probe: Arc<Mutex<Option<PgConnection>>>,
    address: String,
}

impl Db {
    /// Connects when first used. With an authority of its own nothing is sent to a server that can't show its
    /// certificate.
    pub fn new(url: &Secret, ca: Option<&Path>, application: &str, connections: u32) -> Result<Self, String> {
        let mut options = PgConnectOptions::from_str(url.expose())
            .map_err(|error| secret_free(&error.to_string(), url))?
            .application_name(application)
            .options([
                ("statement_timeout", "10s"),
                ("idle_in_transaction_session_timeout", "30s"),
                ("lock_timeout", "5s"),
            ]);
        if let Some(ca) = ca {
            tls::read(ca)?;
            options = options.ssl_root_cert(ca);
            if !matches!(options.get_ssl_mode(), PgSslMode::VerifyCa) {
                options = options.ssl_mode(PgSslMode::VerifyFull);
            }
        }
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(Duration::from_secs(300))
            .test_before_acquire(true)
            .connect_lazy_with(options.clone());
        let address = format!("postgres:{}", options.get_port());
        Ok(Self { pool, options, probe: Arc::default(), address })
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// `postgres:5432`, as it is called where a start failed.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub async fn check(&self) -> Result<(), String> {
        let mut held = self.probe.lock().await;
        // Taken out, so that a check that is cut short leaves no half-used connection behind.
        if let Some(mut connection) = held.take()
            && connection.ping().await.is_ok()
        {
            *held = Some(connection);
            return has_room();
        }
        let mut connection = PgConnection::connect_with(&self.options)
            .await
            .map_err(|error| explain(&error, &self.options))?;
        connection.ping().await.map_err(|error| explain(&error, &self.options))?;
        *held = Some(connection);
        has_room()
    }

    /// Runs what is new; what a newer binary has left is not touched. Replicas wait for each other (advisory lock).
    pub async fn migrate(&self, mut migrator: Migrator) -> Result<(), String> {
        migrator.set_ignore_missing(true);
        // A migration may take its time: only requests are bounded.
        let options = self.options.clone().options([("statement_timeout", "0"), ("lock_timeout", "0")]);
        let mut connection =
            PgConnection::connect_with(&options).await.map_err(|error| explain(&error, &options))?;
        migrator.run(&mut connection).await.map_err(|error| format!("migration failed: {error}"))?;
        let _ = connection.close().await;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        if let Some(connection) = self.probe.lock().await.take() {
            let _ = connection.close().await;
        }
    }
}

fn explain(error: &sqlx::Error, options: &PgConnectOptions) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => {
            tls::words(format!("cannot connect to {}:{}: {error}", options.get_host(), options.get_port()))
        }
        other => tls::words(other.to_string()),
    }
}
