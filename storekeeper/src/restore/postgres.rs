//! PostgreSQL: a dump is loaded into a database beside the one in use, and all change places in one transaction.

use std::process::Stdio;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, raw_sql};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::time::sleep;

use crate::backup::document::READER;
use crate::backup::place::Stream;
use crate::document::Server;
use crate::failure::{Failure, Place, read_secret};
use crate::program::{Programs, Running};
use crate::provision::mark::Mark;

/// Services reconnect at once when their sessions are ended, and may be faster than the swap.
const SWAP_TRIES: u32 = 30;
/// Where it is noted what was restored: in the administrator's own database, which goes with the volume.
const NOTES: &str = "CREATE SCHEMA IF NOT EXISTS orion; CREATE TABLE IF NOT EXISTS orion.restores \
     (request text PRIMARY KEY, restored_at timestamptz NOT NULL DEFAULT now())";

/// One database that is being loaded.
pub(super) struct Loading<'a> {
    pub(super) server: &'a Server,
    pub(super) request: &'a str,
    pub(super) database: &'a str,
    pub(super) owner: &'a str,
}

/// All databases that change places.
pub(super) struct Swap<'a> {
    pub(super) platform: &'a str,
    pub(super) request: &'a str,
    pub(super) backup: &'a str,
    pub(super) attempt: u32,
}

fn place(server: &Server) -> Place {
    Place::of("postgres", server, server.port)
}

fn loaded(database: &str) -> String {
    format!("{database}_restoring")
}

async fn connect(server: &Server) -> Result<PgConnection, Failure> {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&server.host)
        .port(server.port)
        .username(&read_secret(&server.admin_username_file)?)
        .password(&read_secret(&server.admin_password_file)?)
        .database("postgres")
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging();
    match tokio::time::timeout(Duration::from_secs(20), options.connect()).await {
        Ok(connected) => connected.map_err(|error| explain(server, error)),
        Err(_) => Err(place(server).passing("no answer")),
    }
}

fn explain(server: &Server, error: sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(error) => place(server).refused(error.message()),
        other => place(server).passing(other),
    }
}

/// Runs a statement whose names and literals the server itself has quoted.
async fn run(connection: &mut PgConnection, template: &str, values: &[&str]) -> sqlx::Result<()> {
    let statement: String = sqlx::query_scalar("SELECT format($1, VARIADIC $2::text[])")
        .bind(template)
        .bind(values)
        .fetch_one(&mut *connection)
        .await?;
    raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

pub(super) async fn is_done(server: &Server, request: &str) -> Result<bool, Failure> {
    let mut connection = connect(server).await?;
    let look = async {
        let noted: bool = sqlx::query_scalar("SELECT to_regclass('orion.restores') IS NOT NULL")
            .fetch_one(&mut connection)
            .await?;
        if !noted {
            return Ok(false);
        }
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM orion.restores WHERE request = $1)")
            .bind(request)
            .fetch_one(&mut connection)
            .await
    };
    look.await.map_err(|error| explain(server, error))
}

impl Loading<'_> {
    pub(super) async fn load(&self, stream: Stream, programs: &Programs) -> Result<(), Failure> {
        self.prepare().await.map_err(|error| explain(self.server, error))?;
        let mut command = programs.command("pg_restore");
        command
            .args(["--exit-on-error", "--no-password", "--dbname", &loaded(self.database)])
            .env_clear()
            .env("PGHOST", &self.server.host)
            .env("PGPORT", self.server.port.to_string())
            .env("PGUSER", read_secret(&self.server.admin_username_file)?)
            .env("PGPASSWORD", read_secret(&self.server.admin_password_file)?)
            .env("PGSSLMODE", "disable")
            .env("PGCONNECT_TIMEOUT", "20")
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut running = Running::start("pg_restore", &mut command)?;
        let input = running.child.stdin.take();
        let fed = feed(stream, input).await;
        let ended = running.end(&place(self.server)).await;
        // Without the rest of its input it would complain of that.
        fed.and(ended)
    }

    /// An empty database of the owner's, closed to everybody else.
    async fn prepare(&self) -> sqlx::Result<()> {
        let mut connection = match connect(self.server).await {
            Ok(connection) => connection,
            Err(failure) => return Err(sqlx::Error::Protocol(failure.to_string())),
        };
        let name = loaded(self.database);
        let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
            .bind(self.owner)
            .fetch_one(&mut connection)
            .await?;
        if !known {
            // Of a service that is switched off. Provisioning lets it in when it is on again.
            run(&mut connection, "CREATE ROLE %I", &[self.owner]).await?;
        }
        // What an attempt left that was cut in the middle.
        run(&mut connection, "DROP DATABASE IF EXISTS %I WITH (FORCE)", &[&name]).await?;
        run(&mut connection, "CREATE DATABASE %I OWNER %I TEMPLATE template0", &[&name, self.owner]).await?;
        run(&mut connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", &[&name]).await?;
        // The swap takes only what was loaded for it.
        run(&mut connection, "COMMENT ON DATABASE %I IS %L", &[&name, self.request]).await?;
        connection.close().await
    }
}

/// What can't be written is no failure here: a program that has closed its input says why.
async fn feed(mut stream: Stream, input: Option<ChildStdin>) -> Result<(), Failure> {
    let Some(mut input) = input else { return Ok(()) };
    while let Some(chunk) = stream.chunk().await? {
        if input.write_all(&chunk).await.is_err() {
            return Ok(());
        }
    }
    let _ = input.shutdown().await;
    Ok(())
}

impl Swap<'_> {
    /// The name under which what was there before is kept.
    fn kept(&self, database: &str) -> String {
        format!("{database}_before_{}_{}", self.backup, self.attempt)
    }

    pub(super) async fn run(&self, server: &Server, databases: &[&str]) -> Result<Vec<String>, Failure> {
        let mut connection = connect(server).await?;
        let noted = raw_sql(NOTES).execute(&mut connection).await;
        noted.map_err(|error| explain(server, error))?;
        let mut tries = 0;
        loop {
            match self.once(&mut connection, databases).await {
                Ok(lines) => return Ok(lines),
                Err(error) if tries < SWAP_TRIES && is_in_use(&error) => tries += 1,
                Err(error) => return Err(explain(server, error)),
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// All or none: a rename that is refused takes the others back with it.
    async fn once(&self, connection: &mut PgConnection, databases: &[&str]) -> sqlx::Result<Vec<String>> {
        let mut transaction = connection.begin().await?;
        let mut lines = Vec::new();
        for database in databases {
            let of: Option<String> = sqlx::query_scalar(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1",
            )
            .bind(loaded(database))
            .fetch_optional(&mut *transaction)
            .await?
            .flatten();
            if of.as_deref() != Some(self.request) {
                let what = of.unwrap_or_else(|| "nothing".to_owned());
                return Err(sqlx::Error::Protocol(format!(
                    "{} holds {what}, not {}: another restore was at work. Delete this pod and it begins anew",
                    loaded(database),
                    self.request
                )));
            }
            let there: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                    .bind(database)
                    .fetch_one(&mut *transaction)
                    .await?;
            if there {
                let kept = self.kept(database);
                // A database with sessions can't be renamed.
                sqlx::query(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
                )
                .bind(database)
                .execute(&mut *transaction)
                .await?;
                run(&mut transaction, "ALTER DATABASE %I RENAME TO %I", &[database, &kept]).await?;
                // The reader backs up what it may enter.
                self.reader(&mut transaction, "REVOKE CONNECT ON DATABASE %I FROM %I", &kept).await?;
                lines.push(format!("postgres: {database} is in place; what was there before is in {kept}"));
            } else {
                lines.push(format!("postgres: {database} is in place"));
            }
            run(&mut transaction, "ALTER DATABASE %I RENAME TO %I", &[&loaded(database), database]).await?;
            let mark = Mark::of(self.platform);
            run(&mut transaction, "COMMENT ON DATABASE %I IS %L", &[database, mark.as_str()]).await?;
            self.reader(&mut transaction, "GRANT CONNECT ON DATABASE %I TO %I", database).await?;
        }
        sqlx::query("INSERT INTO orion.restores (request) VALUES ($1)")
            .bind(self.request)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(lines)
    }

    /// Where there is one: a platform may be restored that makes no backups.
    async fn reader(
        &self,
        connection: &mut PgConnection,
        template: &str,
        database: &str,
    ) -> sqlx::Result<()> {
        let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
            .bind(READER)
            .fetch_one(&mut *connection)
            .await?;
        if known { run(connection, template, &[database, READER]).await } else { Ok(()) }
    }
}

/// `object_in_use`: somebody was faster.
fn is_in_use(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("55006"))
}
