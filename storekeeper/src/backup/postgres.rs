//! PostgreSQL: one dump a database, each consistent in itself, read by an account that can change nothing.

use std::process::Stdio;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::process::Command;

use super::document::{READER, Source};
use crate::failure::{Failure, Place, read_secret};
use crate::program::Programs;

/// A store that is gone must be noticed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn place(source: &Source) -> Place {
    Place::named(format!("postgres:{}", source.port))
}

/// Every database that the reader may enter, with its owner: those of services that are switched off too.
pub(super) async fn databases(source: &Source) -> Result<Vec<(String, String)>, Failure> {
    let place = place(source);
    let options = PgConnectOptions::new_without_pgpass()
        .host(&source.host)
        .port(source.port)
        .username(READER)
        .password(&read_secret(&source.password_file)?)
        .database("postgres")
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging();
    let read = async {
        let mut connection = options.connect().await?;
        let found = sqlx::query_as(
            "SELECT datname::text, pg_get_userbyid(datdba)::text FROM pg_database \
             WHERE datallowconn AND NOT datistemplate AND datname <> 'postgres' \
             AND has_database_privilege(current_user, oid, 'CONNECT') ORDER BY datname",
        )
        .fetch_all(&mut connection)
        .await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(found)
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, read).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(sqlx::Error::Database(error))) => Err(place.refused(error.message())),
        Ok(Err(error)) => Err(place.passing(error)),
        Err(_) => Err(place.passing("no answer")),
    }
}

pub(super) fn dump(source: &Source, programs: &Programs, database: &str) -> Result<Command, Failure> {
    let mut command = programs.command("pg_dump");
    command
        .args(["--format=custom", "--no-password", "--lock-wait-timeout=60s"])
        .env_clear()
        .env("PGHOST", &source.host)
        .env("PGPORT", source.port.to_string())
        .env("PGUSER", READER)
        .env("PGPASSWORD", read_secret(&source.password_file)?)
        .env("PGDATABASE", database)
        .env("PGSSLMODE", "disable")
        .env("PGCONNECT_TIMEOUT", "20")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    Ok(command)
}
