//! PostgreSQL: a role and a database for each service. A role owns its database and can't enter another.

use std::iter::once;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, raw_sql};

use super::Say;
use super::mark::Mark;
use crate::document::{PostgresAccount, PostgresWork, Server};
use crate::failure::{Failure, Place, read_secret};

/// How long one connection attempt may take: a host that drops packets never answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn provision(work: &PostgresWork, mark: &Mark, say: Say<'_>) -> Result<(), Failure> {
    let place = Place::of("postgres", &work.server, work.server.port);
    let username = read_secret(&work.server.admin_username_file)?;
    place.apart(&username, work.accounts.iter().map(|account| account.role.as_str()))?;
    let admin =
        options(&work.server)?.username(&username).password(&read_secret(&work.server.admin_password_file)?);
    let mut connection = connect(&place, &admin.clone().database("postgres")).await?;
    let superuser: bool = sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        .fetch_one(&mut connection)
        .await
        .map_err(|error| explain(&place, error))?;
    for account in &work.accounts {
        check(&mut connection, &place, &work.server, account, mark).await?;
    }
    if work.server.own {
        close_maintenance_databases(&mut connection).await.map_err(|error| explain(&place, error))?;
    }
    for account in &work.accounts {
        let password = read_secret(&account.password_file)?;
        let made = role(&mut connection, account, &password, mark, superuser).await;
        made.map_err(|error| explain(&place, error))?;
        let owner = database(&mut connection, account, mark, superuser).await;
        if let Some(other) = owner.map_err(|error| explain(&place, error))? {
            let PostgresAccount { database, role, .. } = account;
            return Err(place.refused(format!(
                "database {database} belongs to {other}: give it to {role} (ALTER DATABASE \"{database}\" OWNER TO \
                 \"{role}\") or remove it"
            )));
        }
        if account.vector {
            let mut inside = connect(&place, &admin.clone().database(&account.database)).await?;
            let made = raw_sql("CREATE EXTENSION IF NOT EXISTS vector").execute(&mut inside).await;
            made.map_err(|error| explain(&place, error))?;
            inside.close().await.map_err(|error| explain(&place, error))?;
        }
        verify(&place, &work.server, account, &password).await?;
        say(format!("postgres: role {} owns database {}", account.role, account.database));
    }
    connection.close().await.map_err(|error| explain(&place, error))
}

fn options(server: &Server) -> Result<PgConnectOptions, Failure> {
    let mut options = PgConnectOptions::new_without_pgpass().host(&server.host).port(server.port);
    options = options.ssl_mode(if server.tls { PgSslMode::VerifyFull } else { PgSslMode::Disable });
    if let Some(ca) = &server.ca_file {
        options = options.ssl_root_cert(ca);
    }
    // Statements carry passwords.
    Ok(options.disable_statement_logging())
}

async fn connect(place: &Place, options: &PgConnectOptions) -> Result<PgConnection, Failure> {
    match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(explain(place, error)),
        Err(_) => Err(place.passing("no answer to a connection")),
    }
}

/// The account works: the service will be able to enter its database.
async fn verify(
    place: &Place,
    server: &Server,
    account: &PostgresAccount,
    password: &str,
) -> Result<(), Failure> {
    let own = options(server)?.username(&account.role).password(password).database(&account.database);
    let mut connection = connect(place, &own).await?;
    connection.ping().await.map_err(|error| explain(place, error))?;
    connection.close().await.map_err(|error| explain(place, error))
}

/// Anybody may enter `postgres` and `template1` by default.
async fn close_maintenance_databases(connection: &mut PgConnection) -> sqlx::Result<()> {
    for statement in
        ["REVOKE ALL ON DATABASE postgres FROM PUBLIC", "REVOKE ALL ON DATABASE template1 FROM PUBLIC"]
    {
        raw_sql(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Nothing is made or changed for an account that is somebody else's. A database without a mark belongs to its owner:
/// it can't be made and marked in one step.
async fn check(
    connection: &mut PgConnection,
    place: &Place,
    server: &Server,
    account: &PostgresAccount,
    mark: &Mark,
) -> Result<(), Failure> {
    let PostgresAccount { role, database, .. } = account;
    let of_role = "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = $1";
    if let Some(comment) = comment(connection, of_role, role).await.map_err(|e| explain(place, e))? {
        let what = format_args!("role {role}");
        let hand_over = format_args!("COMMENT ON ROLE \"{role}\" IS '{mark}'");
        mark.check(place, server, what, once(comment.as_str()), hand_over)?;
    }
    let of_database = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1 \
         AND shobj_description(oid, 'pg_database') <> ''";
    if let Some(comment) = comment(connection, of_database, database).await.map_err(|e| explain(place, e))? {
        let what = format_args!("database {database}");
        let hand_over = format_args!("COMMENT ON DATABASE \"{database}\" IS '{mark}'");
        mark.check(place, server, what, once(comment.as_str()), hand_over)?;
    }
    Ok(())
}

async fn comment(
    connection: &mut PgConnection,
    query: &'static str,
    name: &str,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(query).bind(name).fetch_optional(connection).await
}

/// Makes the role or takes back what it has too much, marks it, and sets its password.
async fn role(
    connection: &mut PgConnection,
    account: &PostgresAccount,
    password: &str,
    mark: &Mark,
    superuser: bool,
) -> sqlx::Result<()> {
    let powers: Option<bool> = sqlx::query_scalar(
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls \
         FROM pg_roles WHERE rolname = $1",
    )
    .bind(&account.role)
    .fetch_optional(&mut *connection)
    .await?;
    const LEAST: &str = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";
    // Made and marked at once: without its mark it would be taken for somebody else's from then on.
    let mut transaction = connection.begin().await?;
    match powers {
        None => run(&mut transaction, &format!("CREATE ROLE %I LOGIN {LEAST}"), &[&account.role]).await?,
        Some(true) => {
            run(&mut transaction, &format!("ALTER ROLE %I LOGIN {LEAST}"), &[&account.role]).await?
        }
        Some(false) => {}
    }
    run(&mut transaction, "COMMENT ON ROLE %I IS %L", &[&account.role, mark.as_str()]).await?;
    transaction.commit().await?;
    run(connection, "ALTER ROLE %I LOGIN PASSWORD %L", &[&account.role, password]).await?;
    if !superuser {
        // Who isn't a superuser may give a database only to a role that it is a member of.
        run(connection, "GRANT %I TO CURRENT_USER", &[&account.role]).await?;
    }
    Ok(())
}

/// Makes the database, marks it and closes it to everybody else. Some(owner) if it is there and somebody else's.
async fn database(
    connection: &mut PgConnection,
    account: &PostgresAccount,
    mark: &Mark,
    superuser: bool,
) -> sqlx::Result<Option<String>> {
    let owner: Option<String> =
        sqlx::query_scalar("SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = $1")
            .bind(&account.database)
            .fetch_optional(&mut *connection)
            .await?;
    match owner {
        None => {
            run(connection, "CREATE DATABASE %I OWNER %I", &[&account.database, &account.role]).await?;
        }
        Some(other) if other != account.role => return Ok(Some(other)),
        Some(_) => {}
    }
    run(connection, "COMMENT ON DATABASE %I IS %L", &[&account.database, mark.as_str()]).await?;
    run(connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", &[&account.database]).await?;
    if !superuser {
        // Membership was for handing the database over; the admin account needs no way into the data.
        run(connection, "REVOKE %I FROM CURRENT_USER", &[&account.role]).await?;
    }
    Ok(None)
}

/// Runs a statement whose names and literals the server itself has quoted: these statements take no parameters.
async fn run(connection: &mut PgConnection, template: &str, values: &[&str]) -> sqlx::Result<()> {
    let statement: String = sqlx::query_scalar("SELECT format($1, VARIADIC $2::text[])")
        .bind(template)
        .bind(values)
        .fetch_one(&mut *connection)
        .await?;
    raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

fn explain(place: &Place, error: sqlx::Error) -> Failure {
    match &error {
        sqlx::Error::Database(answer) => {
            // Starting up, too many connections, or another run of this Job did the same a moment before.
            let passing = ["57P03", "57P01", "53300", "40001", "42710", "42P04", "23505", "XX000"];
            match answer.code() {
                Some(code) if passing.contains(&code.as_ref()) => place.passing(answer.message()),
                _ => place.refused(answer.message()),
            }
        }
        sqlx::Error::Io(cause) => place.passing(cause),
        sqlx::Error::Tls(cause) => place.refused(cause),
        sqlx::Error::Configuration(cause) => place.refused(cause),
        _ => place.passing(error),
    }
}
