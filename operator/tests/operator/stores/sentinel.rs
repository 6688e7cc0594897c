//! Redis by Sentinel as the plan has it started: three nodes, each a Redis and a Sentinel, on addresses of the machine
//! itself that stand for the pods' names. The accounts are made by the provision Job's own code, and used by the
//! services' own client with the URL of the plan.

use super::container::Container;
use crate::plan::planned;
use catalog::Store;
use chassis::stores::Redis;
use operator::plan::SecretKey;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use storekeeper::document::{Document, RedisAccount, RedisWork, Server};
use tempfile::TempDir;
use testkit::eventually;
use tokio_util::sync::CancellationToken;

const SPEC: &str = "{redis: {sentinel: {}}}";
const DAY: Duration = Duration::from_secs(86_400);

struct Node {
    address: String,
    redis: Container,
    sentinel: Container,
}

impl Node {
    fn of(all: &[String], address: &str) -> Node {
        let volumes = Rc::new(TempDir::new().expect("a folder"));
        let part = |number: usize| {
            let bind = [("bind * -::*", format!("bind {address}"))];
            let container = Container::in_pod(SPEC, "redis", number, &volumes, &bind);
            for secret in ["password", "replica-password", "sentinel-password"] {
                container.secret(secret, secret);
            }
            container.variable("SELF", address).variable("NODES", all.join(" "))
        };
        Node { address: address.to_owned(), redis: part(0), sentinel: part(1) }
    }

    fn start(&self) {
        self.redis.start();
        self.sentinel.start();
    }

    fn kill(&self) {
        self.redis.kill();
        self.sentinel.kill();
    }
}

struct Nodes {
    all: Vec<Node>,
    secrets: TempDir,
}

impl Nodes {
    /// On a network of its own, so that each can have the ports that it has in a pod.
    fn start() -> Nodes {
        let [a, b, ..] = uuid::Uuid::new_v4().into_bytes();
        let addresses: Vec<String> =
            (1..=3).map(|n| format!("127.{}.{}.{n}", 1 + a % 250, 1 + b % 250)).collect();
        let all: Vec<Node> = addresses.iter().map(|address| Node::of(&addresses, address)).collect();
        all.iter().for_each(Node::start);
        Nodes { all, secrets: TempDir::new().expect("a folder") }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.secrets.path().join(name);
        std::fs::write(&path, text).expect("write a file");
        path
    }

    async fn provision(&self) {
        let auth = catalog::service("auth").expect("a service");
        self.file("redis-password", "of-auth");
        let mut hosts = self.all.iter().map(|node| node.address.clone());
        let server = Server {
            host: hosts.next().expect("three"),
            others: hosts.collect(),
            port: 6379,
            own: true,
            tls: false,
            ca_file: None,
            admin_username_file: self.file("username", "admin"),
            admin_password_file: self.file("password", "password"),
        };
        let accounts = vec![RedisAccount::of(auth, self.secrets.path()).expect("auth uses Redis")];
        let work = RedisWork { server, accounts, reader_password_file: None };
        let document =
            Document { platform: "team/orion".to_owned(), redis: Some(work), ..Document::default() };
        let made = storekeeper::provision::provision(&document, Duration::from_secs(60), &|_| ()).await;
        made.unwrap_or_else(|failure| panic!("{failure}"));
    }

    /// What the plan gives auth, with the nodes' addresses in the place of their names.
    fn url(&self) -> contracts::Secret {
        let plan = planned(SPEC);
        let secrets = &plan.unit("auth").expect("a unit").secrets;
        let mut keys = secrets.iter().flat_map(|secret| &secret.keys);
        let Some((_, SecretKey::Template(url))) = keys.find(|(key, _)| key == "redis-url") else {
            panic!("auth has no URL of Redis");
        };
        let mut url = url.replace(&format!("${{{}-password}}", Store::Redis.name()), "of-auth");
        for (n, node) in self.all.iter().enumerate() {
            url = url.replace(&format!("orion-redis-{n}.orion-redis-nodes"), &node.address);
        }
        contracts::Secret::new(url)
    }

    fn log(&self) -> String {
        self.all.iter().map(|node| node.redis.log() + &node.sentinel.log()).collect()
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

#[tokio::test]
async fn a_lost_master_is_replaced_and_a_service_goes_on_with_every_revocation_that_it_had_written() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let nodes = Nodes::start();
    nodes.provision().await;
    let stop = CancellationToken::new();
    let redis = Redis::connect(&nodes.url(), None, stop.clone()).expect("the URL is understood");
    eventually("the service finds the master", || async { redis.check().await.ok() }).await;
    let kept = ["revoked:epoch".to_owned(), "revoked:sid:one".to_owned()];
    eventually("all have started, by their probes", || async {
        let mut all = nodes.all.iter().flat_map(|node| [&node.redis, &node.sentinel]);
        all.all(|container| container.passes("startupProbe")).then_some(())
    })
    .await;
    eventually("the master takes a revocation", || async {
        for key in &kept {
            redis.set_ex(key, "1", DAY).await.ok()?;
        }
        Some(())
    })
    .await;
    // What is written is on its way to the replicas; auth writes each revocation a second time for that reason.
    tokio::time::sleep(Duration::from_secs(1)).await;

    let [first, others @ ..] = &nodes.all[..] else { panic!("three nodes") };
    first.kill();
    eventually("another master takes writes", || async {
        others.iter().for_each(|node| node.redis.assert_runs());
        redis.set_ex("revoked:sid:two", "1", DAY).await.ok()
    })
    .await;
    let values = redis.mget(&kept).await.expect("the new master answers");
    assert!(values.iter().all(Option::is_some), "{values:?}");

    // It comes back, and follows whom it has led.
    first.start();
    eventually("the first node follows", || async {
        first.redis.log().contains("MASTER <-> REPLICA sync: Finished with success").then_some(())
    })
    .await;
    stop.cancel();
}
