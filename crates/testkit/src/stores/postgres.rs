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

async fn answers(state: State) -> bool {
    PgConnection::connect(&admin(&state)).await.is_ok()
}
