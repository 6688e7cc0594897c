//! Stores behind TLS: their certificate must be of the named authority, and for the very host.

use std::path::PathBuf;

use storekeeper::document::{Document, Server};
use testkit::{Administrator, Authority};

use super::support::{Place, run};

/// The document for each store, with its server as `change` makes it.
fn documents(place: &Place, change: impl Fn(&mut Server, &Administrator)) -> [(&'static str, Document); 3] {
    let (mut postgres, mut redis, mut rabbitmq) = (place.postgres(), place.redis(), place.rabbitmq());
    change(&mut postgres.server, &place.postgres);
    change(&mut redis.server, &place.redis);
    change(&mut rabbitmq.server, &place.rabbitmq);
    rabbitmq.management_port = place.rabbitmq.tls_management_port;
    [
        ("postgres", Document { postgres: Some(postgres), ..Document::default() }),
        ("redis", Document { redis: Some(redis), ..Document::default() }),
        ("rabbitmq", Document { rabbitmq: Some(rabbitmq), ..Document::default() }),
    ]
}

fn encrypted(server: &mut Server, host: &str, address: &Administrator, ca: Option<PathBuf>) {
    server.host = host.to_owned();
    server.port = address.tls_port;
    server.tls = true;
    server.ca_file = ca;
}

#[tokio::test]
async fn a_store_with_an_authority_of_its_own_is_provisioned() {
    let place = Place::new().await;
    let right = |server: &mut Server, address: &Administrator| {
        encrypted(server, "localhost", address, Some(address.ca_file.clone()));
    };
    for (store, document) in documents(&place, right) {
        let done = run(&document).await;
        assert!(done.is_ok(), "{store}: {done:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_at_once_and_what_to_do_is_said() {
    let place = Place::new().await;
    let other = place.file("other.crt", Authority::new().pem());
    for ca in [Some(other), None] {
        let wrong = |server: &mut Server, address: &Administrator| {
            encrypted(server, "localhost", address, ca.clone())
        };
        for (store, document) in documents(&place, wrong) {
            let said = run(&document).await.unwrap_err().to_string();
            assert!(said.starts_with(store), "{said}");
            assert!(said.contains("signed by none of the authorities that are trusted"), "{store}: {said}");
            assert!(said.contains("caSecretRef"), "{store}: {said}");
        }
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let place = Place::new().await;
    let wrong = |server: &mut Server, address: &Administrator| {
        encrypted(server, "127.0.0.1", address, Some(address.ca_file.clone()));
    };
    for (store, document) in documents(&place, wrong) {
        let said = run(&document).await.unwrap_err().to_string();
        assert!(said.contains("certificate not valid for name"), "{store}: {said}");
    }
}

#[tokio::test]
async fn an_authority_that_is_none_is_named_with_its_file() {
    let place = Place::new().await;
    let none = place.file("none.crt", "not a certificate");
    let wrong = |server: &mut Server, address: &Administrator| {
        encrypted(server, "localhost", address, Some(none.clone()));
    };
    for (store, document) in documents(&place, wrong) {
        let said = run(&document).await.unwrap_err().to_string();
        assert!(said.contains("none.crt: holds no certificate"), "{store}: {said}");
    }
}
