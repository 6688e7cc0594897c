//! PostgreSQL: a role and a database for each service. A role owns its database and can't enter another. What logs in
//! beside it is that role from its first statement on, so that nothing is ever owned by anybody else.

pub(super) mod roles;

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection, raw_sql};

use super::login::{Way, names, ways};
use super::mark::Mark;
use super::{Say, reader};
use crate::backup::document::READER;
use crate::document::{PostgresAccount, PostgresWork, Server};
use crate::failure::{Failure, Place, read_secret};

/// How long one connection attempt may take: a host that drops packets never answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn provision(work: &PostgresWork, mark: &Mark, say: Say<'_>) -> Result<(), Failure> {
    let place = Place::of("postgres", &work.server, work.server.port);
    let username = read_secret(&work.server.admin_username_file)?;
    let all = work.accounts.iter().flat_map(|account| names(&account.role, account.second.as_ref()));
    place.apart(&username, all)?;
    let admin =
        options(&work.server)?.username(&username).password(&read_secret(&work.server.admin_password_file)?);
    let mut connection = connect(&place, &admin.clone().database("postgres")).await?;
    let superuser: bool = sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        .fetch_one(&mut connection)
        .await
        .map_err(|error| explain(&place, error))?;
    for account in &work.accounts {
        roles::check(&mut connection, &place, &work.server, account, mark).await?;
    }
    if work.server.own {
        close_maintenance_databases(&mut connection).await.map_err(|error| explain(&place, error))?;
    }
    for account in &work.accounts {
        let ways = ways(&account.role, &account.password_file, account.second.as_ref())?;
        let made = roles::make(&mut connection, account, &ways, mark, superuser).await;
        made.map_err(|error| explain(&place, error))?;
        let owner = roles::database(&mut connection, account, mark, superuser).await;
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
        for way in &ways {
            verify(&place, &work.server, account, way).await?;
        }
        // Last: whoever takes its place has been let in.
        for way in ways.iter().filter(|way| way.password.is_none()) {
            let ended = roles::refuse(&mut connection, way.name, mark, work.server.own, superuser).await;
            if ended.map_err(|error| explain(&place, error))? {
                say(format!("postgres: {} is refused", way.name));
            }
        }
        say(format!("postgres: role {} owns database {}", account.role, account.database));
    }
    if let Some(file) = &work.reader_password_file {
        let made = reader::make(&mut connection, &read_secret(file)?, mark).await;
        made.map_err(|error| explain(&place, error))?;
        say(format!("postgres: role {READER} reads every database"));
    }
    connection.close().await.map_err(|error| explain(&place, error))
}

fn options(server: &Server) -> Result<PgConnectOptions, Failure> {
    let mut options = PgConnectOptions::new_without_pgpass().host(&server.host).port(server.port);
    options = options.ssl_mode(if server.tls { PgSslMode::VerifyFull } else { PgSslMode::Disable });
    if let Some(ca) = &server.ca_file {
        crate::tls::config(server)?;
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

/// The account works: the service will be able to enter its database, as the role that owns it.
async fn verify(
    place: &Place,
    server: &Server,
    account: &PostgresAccount,
    way: &Way<'_>,
) -> Result<(), Failure> {
    let Some(password) = &way.password else { return Ok(()) };
    let own = options(server)?.username(way.name).password(password).database(&account.database);
    let mut connection = connect(place, &own).await?;
    let role: String = sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(&mut connection)
        .await
        .map_err(|error| explain(place, error))?;
    if role != account.role {
        return Err(place.refused(format!("{} logs in and is {role} instead of {}", way.name, account.role)));
    }
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
