//! PostgreSQL: a database and a role that owns it for each test, as the provision Job makes them for a service.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Server, State, finish, server};

static SERVER: OnceCell<Server> = OnceCell::const_new();

pub(crate) async fn state() -> &'static State {
    &SERVER.get_or_init(|| server("postgres", answers)).await.state
}

pub struct Database {
    name: String,
    url: String,
    admin: String,
}

/// A fresh database. It goes when the value is dropped.
pub async fn postgres() -> Database {
    let state = state().await;
    let name = format!("t_{}", Uuid::new_v4().simple());
    let admin = admin(state);
    let mut connection = PgConnection::connect(&admin).await.expect("PostgreSQL answers");
    for statement in [
        format!("CREATE ROLE {name} LOGIN PASSWORD '{name}'"),
        format!("CREATE DATABASE {name} OWNER {name}"),
        format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
    ] {
        connection.execute(AssertSqlSafe(statement)).await.expect("an administrator may do this");
    }
    let url = format!("postgres://{name}:{name}@127.0.0.1:{}/{name}", state.port);
    Database { name, url, admin }
}

impl Database {
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connected as the owner.
    pub async fn pool(&self) -> PgPool {
        let options = PgPoolOptions::new().max_connections(5).acquire_timeout(Duration::from_secs(30));
        options.connect(&self.url).await.expect("the database is there")
    }
}

impl Database {
    /// What a newer version's expand migration may do beneath a running older one: a column more in every table, a table
    /// more, and a migration on record that this binary has never heard of.
    pub async fn expand(&self) {
        let pool = self.pool().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT quote_ident(tablename) FROM pg_tables
             WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'",
        )
        .fetch_all(&pool)
        .await
        .expect("the tables are listed");
        assert!(!tables.is_empty(), "nothing was migrated yet");
        for table in tables {
            let column =
                format!("ALTER TABLE {table} ADD COLUMN of_the_next_version text NOT NULL DEFAULT 'new'");
            pool.execute(AssertSqlSafe(column)).await.expect("the owner may add a column");
        }
        for statement in [
            "CREATE TABLE of_the_next_version (id bigint PRIMARY KEY)",
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (99990101000000, 'of the next version', true, '\\x00', 0)",
        ] {
            pool.execute(statement).await.expect("the owner may do this");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (name, admin) = (self.name.clone(), self.admin.clone());
        finish(async move {
            let Ok(mut connection) = PgConnection::connect(&admin).await else { return };
            let _ = connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await;
            let _ = connection.execute(AssertSqlSafe(format!("DROP ROLE {name}"))).await;
        });
    }
}

fn admin(state: &State) -> String {
    format!("postgres://postgres:{}@127.0.0.1:{}/postgres", state.password, state.port)
}

pub(super) async fn answers(state: State) -> bool {
    PgConnection::connect(&admin(&state)).await.is_ok()
}
