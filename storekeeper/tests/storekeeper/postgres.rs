//! PostgreSQL: a role owns its database and enters no other.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use storekeeper::document::{Document, PostgresAccount};

use super::support::{Place, run};

fn account(place: &Place, of: &str, password: &str) -> PostgresAccount {
    PostgresAccount {
        role: place.name(of),
        database: place.name(&format!("{of}_db")),
        password_file: place.file(&format!("{of}-password"), password),
        second: None,
        vector: false,
    }
}

async fn enter(place: &Place, role: &str, password: &str, database: &str) -> sqlx::Result<PgConnection> {
    let address = &place.postgres;
    let options = PgConnectOptions::new_without_pgpass().host(address.host).port(address.port);
    PgConnection::connect_with(&options.username(role).password(password).database(database)).await
}

#[tokio::test]
async fn a_role_owns_its_database_and_enters_no_other() {
    let place = Place::new().await;
    let mut work = place.postgres();
    // Quotes, so that nobody ever pastes them into a statement.
    work.accounts = vec![account(&place, "auth", r#"it's "quoted" \ $1"#), account(&place, "user", "other")];
    let (auth, user) = (work.accounts[0].clone(), work.accounts[1].clone());
    run(&Document { postgres: Some(work), ..Document::default() }).await.unwrap();

    let mut own = enter(&place, &auth.role, r#"it's "quoted" \ $1"#, &auth.database).await.unwrap();
    own.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)").await.unwrap();
    for elsewhere in [user.database.as_str(), "postgres", "template1"] {
        let refused = enter(&place, &auth.role, r#"it's "quoted" \ $1"#, elsewhere).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied for database"), "{elsewhere}: {refused}");
    }
    for beyond in ["CREATE ROLE somebody", "CREATE DATABASE something", "CREATE EXTENSION vector"] {
        let refused = own.execute(beyond).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{beyond}: {refused}");
    }
}

#[tokio::test]
async fn a_second_run_keeps_the_data_and_takes_up_a_new_password_and_takes_back_powers() {
    let place = Place::new().await;
    let mut work = place.postgres();
    work.accounts = vec![account(&place, "auth", "old")];
    let auth = work.accounts[0].clone();
    let document = Document { postgres: Some(work), ..Document::default() };
    run(&document).await.unwrap();
    let mut own = enter(&place, &auth.role, "old", &auth.database).await.unwrap();
    own.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)").await.unwrap();
    let admin = &place.postgres;
    let mut master = enter(&place, admin.username, &admin.password, "postgres").await.unwrap();
    let more = format!("ALTER ROLE {} SUPERUSER CREATEDB", auth.role);
    master.execute(AssertSqlSafe(more)).await.unwrap();

    place.file("auth-password", "new\n");
    run(&document).await.unwrap();

    enter(&place, &auth.role, "old", &auth.database).await.unwrap_err();
    let mut again = enter(&place, &auth.role, "new", &auth.database).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(&mut again).await.unwrap();
    assert_eq!(kept, 1);
    // The session from before the change goes on.
    own.execute("INSERT INTO t VALUES (2)").await.unwrap();
    let powers = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user";
    let powers: bool = sqlx::query_scalar(powers).fetch_one(&mut again).await.unwrap();
    assert!(!powers);
}

#[tokio::test]
async fn a_vector_database_has_its_extension() {
    let place = Place::new().await;
    let mut work = place.postgres();
    work.accounts = vec![PostgresAccount { vector: true, ..account(&place, "vectors", "secret") }];
    let vectors = work.accounts[0].clone();
    run(&Document { postgres: Some(work), ..Document::default() }).await.unwrap();
    let mut own = enter(&place, &vectors.role, "secret", &vectors.database).await.unwrap();
    let distance = "SELECT '[1,2]'::vector <-> '[1,0]'::vector";
    let distance: f64 = sqlx::query_scalar(distance).fetch_one(&mut own).await.unwrap();
    assert!((distance - 2.0).abs() < 1e-9);
}

#[tokio::test]
async fn an_administrator_who_is_no_superuser_is_enough() {
    let place = Place::new().await;
    let admin = &place.postgres;
    let mut master = enter(&place, admin.username, &admin.password, "postgres").await.unwrap();
    let steward = place.name("steward");
    let make = format!(
        "CREATE ROLE {steward} LOGIN CREATEDB CREATEROLE PASSWORD 'steward'; \
         GRANT CONNECT ON DATABASE postgres TO {steward}"
    );
    master.execute(AssertSqlSafe(make)).await.unwrap();
    let mut work = place.postgres();
    work.server.own = false;
    work.server.admin_username_file = place.file("steward-username", &steward);
    work.server.admin_password_file = place.file("steward-password", "steward");
    work.accounts = vec![account(&place, "auth", "secret")];
    let auth = work.accounts[0].clone();
    let document = Document { postgres: Some(work), ..Document::default() };
    run(&document).await.unwrap();
    run(&document).await.unwrap();
    enter(&place, &auth.role, "secret", &auth.database).await.unwrap();
    // It hands the database over and has no way into it afterwards.
    enter(&place, &steward, "steward", &auth.database).await.unwrap_err();
}

#[tokio::test]
async fn a_database_that_is_somebody_elses_is_left_alone_and_named() {
    let place = Place::new().await;
    let admin = &place.postgres;
    let mut master = enter(&place, admin.username, &admin.password, "postgres").await.unwrap();
    let mut work = place.postgres();
    work.accounts = vec![account(&place, "auth", "secret")];
    let auth = work.accounts[0].clone();
    master.execute(AssertSqlSafe(format!("CREATE DATABASE {}", auth.database))).await.unwrap();
    let failure =
        run(&Document { postgres: Some(work), ..Document::default() }).await.unwrap_err().to_string();
    let expected =
        format!("database {} belongs to {}: give it to {}", auth.database, admin.username, auth.role);
    assert!(failure.contains(&expected), "{failure}");
}
