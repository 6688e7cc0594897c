//! Both roles are the one that owns everything.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use storekeeper::document::{Document, PostgresAccount};

use super::super::support::{Place, document_of, run};
use super::turn;

fn with_postgres(place: &Place, own: bool) -> Document {
    document_of("shop/orion", |document| {
        let mut work = place.postgres();
        work.server.own = own;
        work.accounts = vec![PostgresAccount {
            role: place.name("auth"),
            database: place.name("auth_db"),
            password_file: place.file("password", "one"),
            second: place.second(place.name("auth_2")),
            vector: false,
        }];
        document.postgres = Some(work);
    })
}

async fn enter(place: &Place, role: &str, password: &str) -> sqlx::Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass().host(place.postgres.host).port(place.postgres.port);
    let database = place.name("auth_db");
    PgConnection::connect_with(&options.username(&place.name(role)).password(password).database(&database))
        .await
}

async fn sql(connection: &mut PgConnection, statement: &str) -> sqlx::Result<()> {
    connection.execute(AssertSqlSafe(statement.to_owned())).await.map(drop)
}

#[tokio::test]
async fn either_role_makes_and_changes_what_the_other_has_made() {
    let place = Place::new().await;
    let document = with_postgres(&place, true);
    turn(&place, &document, Some("one"), None).await;
    let mut first = enter(&place, "auth", "one").await.unwrap();
    sql(&mut first, "CREATE TABLE a (id int PRIMARY KEY)").await.unwrap();

    turn(&place, &document, Some("one"), Some("two")).await;
    let mut second = enter(&place, "auth_2", "two").await.unwrap();
    sql(&mut second, "ALTER TABLE a ADD COLUMN name text; CREATE INDEX ON a (name)").await.unwrap();
    sql(
        &mut second,
        "CREATE TABLE b (a int REFERENCES a); CREATE SCHEMA more; CREATE TYPE more.c AS (x int)",
    )
    .await
    .unwrap();
    sql(
        &mut first,
        "ALTER TABLE b ADD COLUMN c more.c; INSERT INTO a VALUES (1, 'x'); INSERT INTO b VALUES (1)",
    )
    .await
    .unwrap();
    let owners = "SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname = 'public'";
    let owners: String = sqlx::query_scalar(owners).fetch_one(&mut second).await.unwrap();
    assert_eq!(owners, place.name("auth"));
    sql(&mut second, "DROP TABLE b; DROP SCHEMA more CASCADE; TRUNCATE a").await.unwrap();
    // No more than the first.
    for beyond in ["CREATE ROLE somebody", "CREATE DATABASE something"] {
        let refused = sql(&mut second, beyond).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{beyond}: {refused}");
    }
}

#[tokio::test]
async fn a_role_without_a_password_is_refused_and_cut_off_and_the_other_never_notices() {
    let place = Place::new().await;
    let document = with_postgres(&place, true);
    turn(&place, &document, Some("one"), None).await;
    enter(&place, "auth_2", "two").await.unwrap_err();
    let mut first = enter(&place, "auth", "one").await.unwrap();
    sql(&mut first, "CREATE TABLE a (id int)").await.unwrap();
    turn(&place, &document, Some("one"), Some("two")).await;
    sql(&mut first, "INSERT INTO a VALUES (1)").await.unwrap();
    let mut second = enter(&place, "auth_2", "two").await.unwrap();

    turn(&place, &document, None, Some("two")).await;
    sql(&mut first, "SELECT 1").await.unwrap_err();
    enter(&place, "auth", "one").await.unwrap_err();
    sql(&mut second, "INSERT INTO a VALUES (2)").await.unwrap();

    turn(&place, &document, Some("three"), Some("two")).await;
    enter(&place, "auth", "one").await.unwrap_err();
    let mut first = enter(&place, "auth", "three").await.unwrap();
    turn(&place, &document, Some("three"), None).await;
    sql(&mut second, "SELECT 1").await.unwrap_err();
    enter(&place, "auth_2", "two").await.unwrap_err();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM a").fetch_one(&mut first).await.unwrap();
    assert_eq!(kept, 2);
}

/// What was provisioned before there were two ways, by the very statements of then.
#[tokio::test]
async fn a_database_of_a_single_role_is_taken_over_with_what_is_in_it() {
    let place = Place::new().await;
    let single = document_of("shop/orion", |document| {
        document.postgres = with_postgres(&place, true).postgres;
        document.postgres.as_mut().unwrap().accounts[0].second = None;
    });
    run(&single).await.unwrap();
    let mut first = enter(&place, "auth", "one").await.unwrap();
    sql(&mut first, "CREATE TABLE a (id int); INSERT INTO a VALUES (1)").await.unwrap();
    let document = with_postgres(&place, true);
    turn(&place, &document, Some("one"), Some("two")).await;
    turn(&place, &document, None, Some("two")).await;
    let mut second = enter(&place, "auth_2", "two").await.unwrap();
    sql(&mut second, "ALTER TABLE a ADD COLUMN name text; INSERT INTO a VALUES (2, 'x')").await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM a").fetch_one(&mut second).await.unwrap();
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn an_administrator_who_is_no_superuser_is_enough_for_both() {
    let place = Place::new().await;
    let steward = place.name("steward");
    let options = PgConnectOptions::new_without_pgpass().host(place.postgres.host).port(place.postgres.port);
    let options = options.username(place.postgres.username).password(&place.postgres.password);
    let mut master = PgConnection::connect_with(&options.database("postgres")).await.unwrap();
    let make = format!(
        "CREATE ROLE {steward} LOGIN CREATEDB CREATEROLE PASSWORD 'steward'; \
         GRANT CONNECT ON DATABASE postgres TO {steward}"
    );
    sql(&mut master, &make).await.unwrap();
    let mut document = with_postgres(&place, false);
    let server = &mut document.postgres.as_mut().unwrap().server;
    server.admin_username_file = place.file("steward-username", &steward);
    server.admin_password_file = place.file("steward-password", "steward");
    turn(&place, &document, Some("one"), None).await;
    turn(&place, &document, Some("one"), Some("two")).await;
    let mut first = enter(&place, "auth", "one").await.unwrap();
    turn(&place, &document, None, Some("two")).await;
    sql(&mut first, "SELECT 1").await.unwrap_err();
    let mut second = enter(&place, "auth_2", "two").await.unwrap();
    turn(&place, &document, Some("three"), Some("two")).await;
    turn(&place, &document, Some("three"), None).await;
    sql(&mut second, "SELECT 1").await.unwrap_err();
    enter(&place, "auth", "three").await.unwrap();
}

/// Somebody else's role of the name that a second way would have.
#[tokio::test]
async fn a_second_way_that_is_somebody_elses_is_neither_refused_nor_taken() {
    let place = Place::new().await;
    let options = PgConnectOptions::new_without_pgpass().host(place.postgres.host).port(place.postgres.port);
    let options = options.username(place.postgres.username).password(&place.postgres.password);
    let mut master = PgConnection::connect_with(&options.database("postgres")).await.unwrap();
    let theirs = place.name("auth_2");
    sql(&mut master, &format!("CREATE ROLE {theirs} LOGIN PASSWORD 'theirs'")).await.unwrap();
    let document = with_postgres(&place, false);
    turn(&place, &document, Some("one"), None).await;
    place.password("password-2", Some("two"));
    let refusal = run(&document).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("role {theirs} is somebody else's")), "{refusal}");
    let login = format!("SELECT rolcanlogin FROM pg_roles WHERE rolname = '{theirs}'");
    let login: bool = sqlx::query_scalar(AssertSqlSafe(login)).fetch_one(&mut master).await.unwrap();
    assert!(login);
}

#[tokio::test]
async fn an_account_without_any_password_is_an_error_and_nobody_is_refused() {
    let place = Place::new().await;
    let document = with_postgres(&place, true);
    turn(&place, &document, Some("one"), None).await;
    place.password("password", None);
    let failure = run(&document).await.unwrap_err().to_string();
    assert!(failure.contains("password"), "{failure}");
    enter(&place, "auth", "one").await.unwrap();
}
