//! Two stores of a test's own with data in them, and the steps of backup and restore as their Jobs run them.

use std::path::PathBuf;
use std::sync::Mutex;

use catalog::Store;
use fred::prelude::*;
use fred::types::config::ServerConfig;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor};
use storekeeper::Failure;
use storekeeper::backup::Backup;
use storekeeper::backup::document::{BackupWork, Location, RestoreWork, Retention, Source};
use storekeeper::document::{PostgresAccount, PostgresWork, RedisWork, Server};
use storekeeper::program::Programs;
use storekeeper::restore::Restore;
use tempfile::TempDir;
use testkit::{Administrator, Alone, alone, root_file_system};

use crate::support::{ask, document_of, run};

pub(super) const KEYS: &str = "0a1b2c3d";
const PLATFORM: &str = "shop/orion";

pub(super) struct Stage {
    postgres: Alone,
    redis: Alone,
    folder: TempDir,
    pub(super) said: Mutex<Vec<String>>,
}

impl Stage {
    /// Fresh stores, with what the provision Job makes: a service's accounts and the reader.
    pub(super) async fn new() -> Stage {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (postgres, redis) = tokio::join!(alone(Store::Postgres), alone(Store::Redis));
        let stage = Stage { postgres, redis, folder: TempDir::new().unwrap(), said: Mutex::default() };
        stage.file("reader", "reads");
        stage.provision().await;
        stage
    }

    pub(super) async fn provision(&self) {
        let account = |role: &str| PostgresAccount {
            role: role.to_owned(),
            database: format!("{role}_db"),
            password_file: self.file(role, "secret"),
            vector: false,
            second: None,
        };
        let document = document_of(PLATFORM, |document| {
            document.postgres = Some(PostgresWork {
                server: self.postgres_server(),
                accounts: vec![account("auth"), account("user")],
                reader_password_file: Some(self.path("reader")),
            });
            document.redis = Some(RedisWork {
                server: self.redis_server(),
                accounts: Vec::new(),
                reader_password_file: Some(self.path("reader")),
            });
        });
        run(&document).await.unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn server(&self, store: &str, of: &Administrator) -> Server {
        Server {
            host: of.host.to_owned(),
            others: Vec::new(),
            port: of.port,
            own: true,
            tls: false,
            ca_file: None,
            admin_username_file: self.file(&format!("{store}-username"), of.username),
            admin_password_file: self.file(&format!("{store}-password"), &of.password),
        }
    }

    fn postgres_server(&self) -> Server {
        self.server("postgres", &self.postgres.administrator)
    }

    fn redis_server(&self) -> Server {
        self.server("redis", &self.redis.administrator)
    }

    /// The folder of backups on a volume.
    pub(super) fn volume(&self) -> Location {
        Location { prefix: "shop/orion".to_owned(), volume: Some(self.path("volume")), s3: None }
    }

    pub(super) fn work(&self, to: &Location, keep_last: usize) -> BackupWork {
        let source = |of: &Administrator| Source {
            host: of.host.to_owned(),
            others: Vec::new(),
            port: of.port,
            password_file: self.path("reader"),
        };
        BackupWork {
            platform: PLATFORM.to_owned(),
            to: to.clone(),
            retention: Retention { keep_last: Some(keep_last), max_age_seconds: None },
            postgres: Some(source(&self.postgres.administrator)),
            redis: Some(source(&self.redis.administrator)),
        }
    }

    pub(super) fn backup(&self, to: &Location, keep_last: usize) -> Backup {
        Backup::new(self.work(to, keep_last), self.folder.path(), Programs::of(root_file_system("postgres")))
    }

    /// All of a backup's steps; its name. Each store's step has its own store's programs.
    pub(super) async fn back_up(&self, to: &Location, at: &str, keep_last: usize) -> Result<String, Failure> {
        let at: Timestamp = at.parse().unwrap();
        let backup = self.backup(to, keep_last);
        let name = backup.begin(at, KEYS).await?;
        backup.postgres().await?;
        let programs = Programs::of(root_file_system("redis"));
        Backup::new(self.work(to, keep_last), self.folder.path(), programs).redis().await?;
        backup.commit(at).await?;
        Ok(name)
    }

    pub(super) fn restore_work(&self, from: &Location, backup: &str) -> RestoreWork {
        RestoreWork {
            platform: PLATFORM.to_owned(),
            from: from.clone(),
            backup: backup.to_owned(),
            attempt: 1,
            ignore_keys: false,
            postgres: Some(self.postgres_server()),
            redis: Some(self.redis_server()),
        }
    }

    pub(super) async fn restore(&self, work: &RestoreWork, keys: &str) -> Result<(), Failure> {
        let say = |line: String| self.said.lock().unwrap().push(line);
        let of =
            |store| Restore::new(work.clone(), self.folder.path(), Programs::of(root_file_system(store)));
        of("postgres").begin(keys, &say).await?;
        of("postgres").postgres(&say).await?;
        of("redis").redis(&say).await?;
        of("postgres").swap(&say).await
    }

    /// A connection to PostgreSQL.
    pub(super) async fn enter(
        &self,
        user: &str,
        password: &str,
        database: &str,
    ) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1");
        let options = options.port(self.postgres.administrator.port).username(user).password(password);
        PgConnection::connect_with(&options.database(database)).await
    }

    pub(super) async fn administrator(&self) -> PgConnection {
        self.enter("postgres", &self.postgres.administrator.password, "postgres").await.unwrap()
    }

    /// Runs statements in the database of `auth`, as `auth`.
    pub(super) async fn auth(&self, statements: &'static str) {
        let mut connection = self.enter("auth", "secret", "auth_db").await.unwrap();
        connection.execute(statements).await.unwrap();
    }

    /// What is in the table that tests fill, in its order.
    pub(super) async fn people(&self, database: &str) -> Vec<String> {
        let password = &self.postgres.administrator.password;
        let mut connection = self.enter("postgres", password, database).await.unwrap();
        sqlx::query_scalar("SELECT name FROM people ORDER BY id").fetch_all(&mut connection).await.unwrap()
    }

    pub(super) async fn databases(&self) -> Vec<String> {
        let mut connection = self.administrator().await;
        let all = "SELECT datname::text FROM pg_database WHERE NOT datistemplate ORDER BY datname";
        sqlx::query_scalar(all).fetch_all(&mut connection).await.unwrap()
    }

    pub(super) async fn redis(&self, user: &str, password: &str) -> Client {
        let config = Config {
            server: ServerConfig::new_centralized("127.0.0.1", self.redis.administrator.port),
            username: Some(user.to_owned()),
            password: Some(password.to_owned()),
            ..Config::default()
        };
        let client = Builder::from_config(config).build().unwrap();
        client.init().await.unwrap();
        client
    }

    /// One command of Redis, as its administrator.
    pub(super) async fn ask(&self, command: &str) -> Value {
        let Administrator { username, password, .. } = &self.redis.administrator;
        let client = self.redis(username, password).await;
        ask(&client, command).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Some of everything, as services have it.
    pub(super) async fn fill(&self) {
        self.auth(
            "CREATE TABLE people (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE); \
             INSERT INTO people (name) VALUES ('Ada'), ('Grace')",
        )
        .await;
        for command in ["SET config:a one", "HSET config:b x 1 y 2", "SET config:c three EX 3600"] {
            self.ask(command).await;
        }
    }
}
