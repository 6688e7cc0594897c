//! The roles of PostgreSQL: who owns a database, and who logs in to it.

use std::iter::once;

use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};

use super::explain;
use crate::document::{PostgresAccount, Server};
use crate::failure::{Failure, Place};
use crate::provision::login::{Way, ways};
use crate::provision::mark::Mark;

/// Nothing is made or changed for an account that is somebody else's. A database without a mark belongs to its owner:
/// it can't be made and marked in one step.
pub(super) async fn check(
    connection: &mut PgConnection,
    place: &Place,
    server: &Server,
    account: &PostgresAccount,
    mark: &Mark,
) -> Result<(), Failure> {
    let PostgresAccount { role, database, .. } = account;
    let of_role = "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = $1";
    for way in ways(role, &account.password_file, account.second.as_ref())? {
        // One that is to be refused and isn't the platform's own is left alone.
        if way.password.is_none() && way.name != role {
            continue;
        }
        let name = way.name;
        if let Some(comment) = comment(connection, of_role, name).await.map_err(|e| explain(place, e))? {
            let what = format_args!("role {name}");
            let hand_over = format_args!("COMMENT ON ROLE \"{name}\" IS '{mark}'");
            mark.check(place, server, what, once(comment.as_str()), hand_over)?;
        }
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

/// Makes the role that owns the database, and what logs in beside it.
pub(super) async fn make(
    connection: &mut PgConnection,
    account: &PostgresAccount,
    ways: &[Way<'_>],
    mark: &Mark,
    superuser: bool,
) -> sqlx::Result<()> {
    let PostgresAccount { role: owner, .. } = account;
    role(connection, owner, mark).await?;
    if !superuser {
        // Who isn't a superuser may give a database only to a role that it is a member of.
        run(connection, "GRANT %I TO CURRENT_USER", &[owner]).await?;
    }
    for way in ways {
        let Some(password) = &way.password else { continue };
        if way.name != owner {
            role(connection, way.name, mark).await?;
            run(connection, "GRANT %I TO %I", &[owner, way.name]).await?;
            run(connection, "ALTER ROLE %I SET role = %L", &[way.name, owner]).await?;
        }
        run(connection, "ALTER ROLE %I LOGIN PASSWORD %L", &[way.name, password]).await?;
    }
    Ok(())
}

/// Makes a role, or takes back what it has too much, and marks it. Nobody can log in as it yet.
async fn role(connection: &mut PgConnection, name: &str, mark: &Mark) -> sqlx::Result<()> {
    let powers: Option<bool> = sqlx::query_scalar(
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls \
         FROM pg_roles WHERE rolname = $1",
    )
    .bind(name)
    .fetch_optional(&mut *connection)
    .await?;
    const LEAST: &str = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";
    // Made and marked at once: without its mark it would be taken for somebody else's from then on.
    let mut transaction = connection.begin().await?;
    match powers {
        None => run(&mut transaction, &format!("CREATE ROLE %I {LEAST}"), &[name]).await?,
        Some(true) => run(&mut transaction, &format!("ALTER ROLE %I {LEAST}"), &[name]).await?,
        Some(false) => {}
    }
    run(&mut transaction, "COMMENT ON ROLE %I IS %L", &[name, mark.as_str()]).await?;
    transaction.commit().await
}

/// Lets nobody in under this name any more, and ends whoever still is. What it owns stays: it may be the owner's name.
/// True if there was anything to do. A name that is somebody else's is left alone.
pub(super) async fn refuse(
    connection: &mut PgConnection,
    name: &str,
    mark: &Mark,
    own: bool,
    superuser: bool,
) -> sqlx::Result<bool> {
    let login: Option<bool> = sqlx::query_scalar(
        "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1 AND ($2 OR shobj_description(oid, 'pg_authid') = $3)",
    )
    .bind(name)
    .bind(own)
    .bind(mark.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    if login != Some(true) {
        return Ok(false);
    }
    run(connection, "ALTER ROLE %I NOLOGIN PASSWORD NULL", &[name]).await?;
    if !superuser {
        run(connection, "GRANT %I TO CURRENT_USER", &[name]).await?;
    }
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1")
        .bind(name)
        .execute(&mut *connection)
        .await?;
    if !superuser {
        run(connection, "REVOKE %I FROM CURRENT_USER", &[name]).await?;
    }
    Ok(true)
}

/// Makes the database, marks it and closes it to everybody else. Some(owner) if it is there and somebody else's.
pub(super) async fn database(
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
pub(in crate::provision) async fn run(
    connection: &mut PgConnection,
    template: &str,
    values: &[&str],
) -> sqlx::Result<()> {
    let statement: String = sqlx::query_scalar("SELECT format($1, VARIADIC $2::text[])")
        .bind(template)
        .bind(values)
        .fetch_one(&mut *connection)
        .await?;
    raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}
