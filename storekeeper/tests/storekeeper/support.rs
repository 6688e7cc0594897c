//! Documents for the stores that the tests run against, and files with passwords.

use std::path::PathBuf;
use std::time::Duration;

use catalog::Store;
use fred::prelude::*;
use fred::types::config::ServerConfig;
use fred::types::{ClusterHash, CustomCommand};
use storekeeper::Failure;
use storekeeper::document::{Document, PostgresWork, RabbitmqWork, RedisWork, Server};
use storekeeper::provision::provision;
use tempfile::TempDir;
use testkit::{Administrator, administrator};

/// One test's stores and files. What it makes in the stores has a name of its own, since other tests use them too.
pub(super) struct Place {
    pub(super) postgres: Administrator,
    pub(super) redis: Administrator,
    pub(super) rabbitmq: Administrator,
    folder: TempDir,
    /// Tells this test's accounts from those of others.
    pub(super) id: String,
}

impl Place {
    pub(super) async fn new() -> Place {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Place {
            postgres: administrator(Store::Postgres).await,
            redis: administrator(Store::Redis).await,
            rabbitmq: administrator(Store::Rabbitmq).await,
            folder: TempDir::new().expect("a folder for files"),
            id: uuid::Uuid::new_v4().simple().to_string()[..12].to_owned(),
        }
    }

    pub(super) fn name(&self, of: &str) -> String {
        format!("{of}_{}", self.id)
    }

    /// A file as a mounted Secret has it.
    pub(super) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("write a file");
        path
    }

    pub(super) fn server(&self, store: Store, address: &Administrator) -> Server {
        Server {
            host: address.host.to_owned(),
            others: Vec::new(),
            port: address.port,
            own: true,
            tls: false,
            ca_file: None,
            admin_username_file: self.file(&format!("{}-username", store.name()), address.username),
            admin_password_file: self.file(&format!("{}-password", store.name()), &address.password),
        }
    }

    pub(super) fn postgres(&self) -> PostgresWork {
        let server = self.server(Store::Postgres, &self.postgres);
        PostgresWork { server, accounts: Vec::new(), reader_password_file: None }
    }

    pub(super) fn redis(&self) -> RedisWork {
        RedisWork {
            server: self.server(Store::Redis, &self.redis),
            accounts: Vec::new(),
            reader_password_file: None,
        }
    }

    pub(super) fn rabbitmq(&self) -> RabbitmqWork {
        RabbitmqWork {
            server: self.server(Store::Rabbitmq, &self.rabbitmq),
            management_port: self.rabbitmq.management_port,
            virtual_host: self.name("orion"),
            exchanges: Vec::new(),
            queues: Vec::new(),
            accounts: Vec::new(),
        }
    }
}

/// A document that belongs to this platform, with what `fill` puts in.
pub(super) fn document_of(platform: &str, fill: impl FnOnce(&mut Document)) -> Document {
    let mut document = Document { platform: platform.to_owned(), ..Document::default() };
    fill(&mut document);
    document
}

pub(super) async fn run(document: &Document) -> Result<(), Failure> {
    provision(document, Duration::from_secs(30), &|_| ()).await
}

/// A connection to Redis as somebody.
pub(super) async fn redis(place: &Place, user: &str, password: &str) -> Result<Client, Error> {
    let config = Config {
        server: ServerConfig::new_centralized(place.redis.host, place.redis.port),
        username: Some(user.to_owned()),
        password: Some(password.to_owned()),
        ..Config::default()
    };
    let client = Builder::from_config(config).build()?;
    client.init().await?;
    Ok(client)
}

/// One command of Redis, its words separated by spaces.
pub(super) async fn ask(client: &Client, command: &str) -> Result<Value, Error> {
    let mut words = command.split(' ').map(str::to_owned);
    let name = words.next().unwrap_or_default();
    client.custom(CustomCommand::new(name, ClusterHash::FirstKey, false), words.collect::<Vec<_>>()).await
}
