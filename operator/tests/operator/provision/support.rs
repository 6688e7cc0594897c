//! Documents for the stores that the tests run against, and files with passwords.

use std::path::PathBuf;
use std::time::Duration;

use operator::provision::config::{Document, PostgresWork, RabbitmqWork, RedisWork, Server};
use operator::provision::{Failure, provision};
use tempfile::TempDir;
use testkit::{Address, Stores};

/// One test's stores and files. What it makes in the stores has a name of its own, since other tests use them too.
pub(super) struct Place {
    pub(super) stores: &'static Stores,
    folder: TempDir,
    /// Tells this test's accounts from those of others.
    pub(super) id: String,
}

impl Place {
    pub(super) fn new() -> Place {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        Place { stores: testkit::stores(), folder: TempDir::new().expect("a folder for files"), id }
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

    pub(super) fn server(&self, store: &str, address: &Address) -> Server {
        Server {
            host: address.host.clone(),
            port: address.port,
            tls: false,
            ca_file: None,
            admin_username_file: self.file(&format!("{store}-username"), &address.username),
            admin_password_file: self.file(&format!("{store}-password"), &address.password),
        }
    }

    pub(super) fn postgres(&self) -> PostgresWork {
        let server = self.server("postgres", &self.stores.postgres);
        PostgresWork { server, own_server: true, accounts: Vec::new() }
    }

    pub(super) fn redis(&self) -> RedisWork {
        RedisWork { server: self.server("redis", &self.stores.redis), accounts: Vec::new() }
    }

    pub(super) fn rabbitmq(&self) -> RabbitmqWork {
        RabbitmqWork {
            server: self.server("rabbitmq", &self.stores.rabbitmq),
            management_port: self.stores.rabbitmq_management_port,
            virtual_host: self.name("orion"),
            exchanges: Vec::new(),
            queues: Vec::new(),
            accounts: Vec::new(),
        }
    }
}

pub(super) async fn run(document: &Document) -> Result<(), Failure> {
    provision(document, Duration::from_secs(30), &|_| ()).await
}
