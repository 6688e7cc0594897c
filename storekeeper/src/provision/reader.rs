//! Who reads everything for backups, and can change nothing: a role in PostgreSQL, a user in Redis.

use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};

use super::mark::Mark;
use super::postgres::roles::run;
use crate::backup::document::READER;

/// Databases that a restore is at work on, or has put aside: no backup has to hold them.
const ASIDE: &str = "_(restoring|before_[0-9TZ]+_[0-9]+)$";

/// A role that may enter every database of the platform, those of services that are switched off too. Row security is
/// bypassed: what pg_dump can't see it would leave out.
pub(super) async fn make(connection: &mut PgConnection, password: &str, mark: &Mark) -> sqlx::Result<()> {
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(READER)
        .fetch_one(&mut *connection)
        .await?;
    let mut transaction = connection.begin().await?;
    if !known {
        run(&mut transaction, "CREATE ROLE %I LOGIN", &[READER]).await?;
    }
    const LEAST: &str = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS CONNECTION LIMIT 4";
    run(&mut transaction, &format!("ALTER ROLE %I LOGIN {LEAST}"), &[READER]).await?;
    run(&mut transaction, "COMMENT ON ROLE %I IS %L", &[READER, mark.as_str()]).await?;
    transaction.commit().await?;
    run(connection, "ALTER ROLE %I PASSWORD %L", &[READER, password]).await?;
    run(connection, "GRANT pg_read_all_data TO %I", &[READER]).await?;
    let databases: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname !~ $1",
    )
    .bind(ASIDE)
    .fetch_all(&mut *connection)
    .await?;
    for database in &databases {
        run(connection, "GRANT CONNECT ON DATABASE %I TO %I", &[database, READER]).await?;
    }
    Ok(())
}

/// A user that may do what a replica does, and nothing else.
pub(super) fn rules(mark: &Mark, password: &str) -> Vec<String> {
    let hash: String = Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect();
    let rules = ["SETUSER", READER, "reset", "on", &format!("#{hash}"), &format!("%R~{mark}")];
    let may = ["-@all", "+ping", "+psync", "+sync", "+replconf"];
    rules.iter().chain(&may).map(|rule| (*rule).to_owned()).collect()
}
