//! Encrypted connections to stores: only to who shows a certificate of the trusted authority for its own host name.

use std::path::{Path, PathBuf};

use catalog::Store;
use chassis::stores::{Bus, Db, Redis};
use contracts::Secret;
use tempfile::TempDir;
use testkit::{Administrator, Authority, administrator, eventually};
use tokio_util::sync::CancellationToken;

const STORES: [Store; 3] = [Store::Postgres, Store::Redis, Store::Rabbitmq];

fn url(store: Store, host: &str, address: &Administrator) -> Secret {
    let Administrator { username, password, tls_port, .. } = address;
    let (scheme, path) = match store {
        Store::Postgres => ("postgres", "/postgres?sslmode=verify-full"),
        Store::Redis => ("rediss", ""),
        Store::Rabbitmq => ("amqps", "/%2f"),
    };
    Secret::from(format!("{scheme}://{username}:{password}@{host}:{tls_port}{path}"))
}

/// What a store says to a service that trusts this authority.
async fn check(store: Store, url: &Secret, ca: Option<&Path>) -> Result<(), String> {
    chassis::install_crypto();
    let stop = CancellationToken::new();
    let _ends = stop.clone().drop_guard();
    let first = async |ask: &dyn Fn() -> futures::future::BoxFuture<'static, Result<(), String>>| {
        eventually("it is tried", || async {
            let answer = ask().await;
            (answer != Err("not connected yet".to_owned())).then_some(answer)
        })
        .await
    };
    match store {
        Store::Postgres => Db::new(url, ca, "test", 1)?.check().await,
        Store::Redis => {
            let redis = Redis::connect(url, ca, stop)?;
            first(&|| {
                let redis = redis.clone();
                Box::pin(async move { redis.check().await })
            })
            .await
        }
        Store::Rabbitmq => {
            let bus = Bus::connect(url, ca, "test", stop)?;
            first(&|| {
                let bus = bus.clone();
                Box::pin(async move { bus.check().await })
            })
            .await
        }
    }
}

struct Files {
    _folder: TempDir,
    other: PathBuf,
    none: PathBuf,
}

fn files() -> Files {
    let folder = TempDir::new().unwrap();
    let other = Authority::new().write(folder.path());
    let none = folder.path().join("none.crt");
    std::fs::write(&none, "not a certificate").unwrap();
    Files { _folder: folder, other, none }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_reached_by_its_own_name_and_authority() {
    for store in STORES {
        let address = administrator(store).await;
        let url = url(store, "localhost", &address);
        assert_eq!(check(store, &url, Some(&address.ca_file)).await, Ok(()), "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_certificate_of_another_authority_is_refused() {
    let files = files();
    for store in STORES {
        let address = administrator(store).await;
        let url = url(store, "localhost", &address);
        // The public authorities have not signed it either.
        for ca in [Some(files.other.as_path()), None] {
            let said = check(store, &url, ca).await.unwrap_err();
            assert!(said.contains("signed by none of the authorities that are trusted"), "{store:?}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_a_certificate_for_another_name_is_refused() {
    for store in STORES {
        let address = administrator(store).await;
        let url = url(store, "127.0.0.1", &address);
        let said = check(store, &url, Some(&address.ca_file)).await.unwrap_err();
        assert!(said.contains("certificate not valid for name"), "{store:?}: {said}");
    }
}

/// A URL that says nothing of encryption would otherwise be tried in the clear.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_with_an_authority_is_never_reached_in_the_clear() {
    let address = administrator(Store::Postgres).await;
    let Administrator { username, password, port, .. } = &address;
    let url = Secret::from(format!("postgres://{username}:{password}@127.0.0.1:{port}/postgres"));
    let said = check(Store::Postgres, &url, Some(&address.ca_file)).await.unwrap_err();
    assert!(said.contains("certificate not valid for name"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_none_is_said_at_the_start() {
    let files = files();
    for store in STORES {
        let address = administrator(store).await;
        let url = url(store, "localhost", &address);
        let said = check(store, &url, Some(&files.none)).await.unwrap_err();
        assert!(said.contains("none.crt: holds no certificate"), "{store:?}: {said}");
    }
}
