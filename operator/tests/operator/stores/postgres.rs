//! PostgreSQL's start script.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor};
use testkit::{eventually, free_ports};

use super::container::Container;

const OLD: &str = r#"it's "old" \ $1"#;
const NEW: &str = "'); DROP TABLE kept; --";

struct Postgres {
    container: Container,
    port: u16,
}

impl Postgres {
    fn new() -> Postgres {
        let port = free_ports(1);
        Postgres { container: Container::of("postgres", &[("port = 5432", format!("port = {port}"))]), port }
    }

    async fn enter(&self, password: &str) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port);
        PgConnection::connect_with(&options.username("postgres").password(password).database("postgres"))
            .await
    }

    /// Starts it and returns once this password is good for it.
    async fn start(&self, password: &str) -> PgConnection {
        self.container.start();
        eventually("PostgreSQL lets its administrator in", || async {
            self.container.assert_runs();
            self.enter(password).await.ok()
        })
        .await
    }
}

/// It has a salt: setting the same password again gives another one.
async fn verifier(connection: &mut PgConnection) -> String {
    let query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'";
    sqlx::query_scalar(query).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn a_new_administrators_password_is_set_at_the_next_start_and_the_data_stays() {
    let postgres = Postgres::new();
    postgres.container.secret("password", OLD);
    let mut connection = postgres.start(OLD).await;
    connection.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)").await.unwrap();
    let before = verifier(&mut connection).await;
    drop(connection);
    postgres.container.stop();

    let mut connection = postgres.start(OLD).await;
    assert_eq!(verifier(&mut connection).await, before, "an unchanged password was set again");
    drop(connection);
    postgres.container.stop();

    // With the line break that editors add.
    postgres.container.secret("password", &format!("{NEW}\n"));
    let mut connection = postgres.start(NEW).await;
    let refused = postgres.enter(OLD).await.unwrap_err().to_string();
    assert!(refused.contains("password authentication failed"), "{refused}");
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(kept, 1);
    drop(connection);
    postgres.container.stop();
    let log = postgres.container.log();
    assert!(!log.contains(NEW) && !log.contains(OLD), "{log}");
}

/// A volume from before passwords were noted, and one whose server was killed.
#[tokio::test]
async fn a_password_is_set_on_a_volume_that_says_nothing_of_the_last_one_even_after_a_crash() {
    let postgres = Postgres::new();
    postgres.container.secret("password", OLD);
    drop(postgres.start(OLD).await);
    let notes = postgres.container.volume().into_iter().filter(|(path, _)| path.ends_with("pgdata.password"));
    for (note, _) in notes {
        std::fs::remove_file(note).unwrap();
    }
    postgres.container.kill();
    postgres.container.secret("password", NEW);
    drop(postgres.start(NEW).await);
    postgres.container.stop();
}

#[tokio::test]
async fn data_of_another_major_version_is_left_alone_and_the_way_is_said() {
    let postgres = Postgres::new();
    postgres.container.secret("password", OLD);
    drop(postgres.start(OLD).await);
    postgres.container.stop();
    let mut files = postgres.container.volume().into_iter();
    let (version, there) = files.find(|(path, _)| path.ends_with("pgdata/PG_VERSION")).unwrap();
    std::fs::write(&version, "16\n").unwrap();
    postgres.container.start();
    let said = postgres.container.refuses();
    assert!(
        said.contains("was written by PostgreSQL 16, and this image has 17: use an image of 16"),
        "{said}"
    );
    std::fs::write(&version, there).unwrap();
    drop(postgres.start(OLD).await);
    postgres.container.stop();
}
