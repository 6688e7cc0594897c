//! The environment that the operator would give a service, over stores of the test's own.

use std::collections::BTreeMap;

use catalog::Store;

use crate::cluster::{Cluster, NAMESPACE, PLATFORM, token_issuer};
use crate::people::{People, serve_jwks};
use crate::proxy::Proxy;
use crate::stores::postgres::{Database, postgres};
use crate::stores::rabbitmq::{VirtualHost, rabbitmq};
use crate::stores::redis::{KeySpace, redis};

pub struct Env {
    variables: BTreeMap<String, String>,
    service: &'static catalog::Service,
    cluster: Cluster,
    database: Option<Database>,
    key_space: Option<KeySpace>,
    virtual_host: Option<VirtualHost>,
}

impl Env {
    /// In a cluster of its own.
    pub async fn of(service: &str) -> Self {
        Cluster::new().env(service).await
    }

    pub(crate) async fn new(cluster: Cluster, name: &str) -> Self {
        let service = catalog::service(name).unwrap_or_else(|| panic!("the catalog has no {name}"));
        let variables = BTreeMap::new();
        let mut env =
            Self { variables, service, cluster, database: None, key_space: None, virtual_host: None };
        let tokens = env.cluster.tokens_folder(service);
        let keys = env.cluster.caller_keys_file();
        for (variable, value) in [
            ("ORION_PLATFORM", PLATFORM.to_owned()),
            ("ORION_NAMESPACE", NAMESPACE.to_owned()),
            ("ORION_LISTEN", "127.0.0.1:0".to_owned()),
            ("ORION_MANAGEMENT_LISTEN", "127.0.0.1:0".to_owned()),
            ("ORION_TOKEN_ISSUER", token_issuer()),
            ("ORION_CALLER_KEYS_FILE", keys.display().to_string()),
            ("ORION_SERVICE_TOKENS_DIR", tokens.display().to_string()),
            ("ORION_TERMINATION_LOG", "/dev/null".to_owned()),
        ] {
            env = env.set(variable, value);
        }
        env.with_stores().await.with_peers().await
    }

    async fn with_stores(mut self) -> Self {
        for store in self.service.stores() {
            match store {
                Store::Postgres => {
                    let database = postgres().await;
                    self = self.set("ORION_DATABASE_URL", database.url());
                    self.database = Some(database);
                }
                Store::Redis => {
                    let mut space = redis().await;
                    let url = space.grant(self.service).await;
                    self = self.set("ORION_REDIS_URL", url);
                    self.key_space = Some(space);
                }
                Store::Rabbitmq => {
                    let host = rabbitmq().await;
                    let url = host.grant(self.service).await;
                    self = self.set("ORION_AMQP_URL", url);
                    self.virtual_host = Some(host);
                }
            }
        }
        self
    }

    /// auth is somebody who publishes the cluster's keys; others are nowhere. `peer` says better.
    async fn with_peers(mut self) -> Self {
        for name in self.service.calls {
            self = self.peer(name, "http://127.0.0.1:9");
        }
        if self.service.name != "auth" {
            let auth = serve_jwks(self.cluster.people()).await;
            self = self.peer("auth", &auth);
        }
        self
    }

    pub fn set(mut self, variable: &str, value: impl Into<String>) -> Self {
        self.variables.insert(variable.to_owned(), value.into());
        self
    }

    pub fn unset(mut self, variable: &str) -> Self {
        self.variables.remove(variable);
        self
    }

    /// Where a peer is.
    pub fn peer(self, name: &str, url: &str) -> Self {
        self.set(&format!("ORION_PEER_{}_URL", name.replace('-', "_").to_uppercase()), url)
    }

    /// Shares the logical database (not the rights) of another environment: what auth revokes, the gateway reads.
    pub async fn share_redis(mut self, other: &mut Env) -> Self {
        let space = other.key_space.as_mut().expect("the other service has Redis");
        let url = space.grant(self.service).await;
        self.key_space = None;
        self.set("ORION_REDIS_URL", url)
    }

    /// Puts something that can be cut between the service and what a variable's URL names.
    pub async fn through_proxy(self, variable: &str) -> (Self, Proxy) {
        let proxy = Proxy::to(&self.variables[variable]).await;
        let url = proxy.url().to_owned();
        (self.set(variable, url), proxy)
    }

    pub fn variables(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone()))
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub fn people(&self) -> &People {
        self.cluster.people()
    }

    /// What `caller` shows to this service.
    pub fn caller_token(&self, caller: &str) -> String {
        self.cluster.service_token(caller, self.service.name)
    }

    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("this service has no PostgreSQL")
    }

    pub fn key_space(&self) -> &KeySpace {
        self.key_space.as_ref().expect("this service has no Redis of its own")
    }

    pub fn vhost(&self) -> &VirtualHost {
        self.virtual_host.as_ref().expect("this service has no RabbitMQ")
    }
}
