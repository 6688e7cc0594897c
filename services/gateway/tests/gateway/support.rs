//! A gateway with services of the test's choice behind it.

use std::net::SocketAddr;

use gateway::Gateway;
use testkit::{Cluster, Env, TestService};

use crate::raw::{self, Wire};

/// Auth: the test's people's keys, unless a test says otherwise; user: somewhere raw.
pub(crate) async fn env(user: SocketAddr) -> Env {
    Cluster::new().env("gateway").await.peer("user", &format!("http://{user}"))
}

/// The start asks for the health of what is needed: a raw service answers that by itself.
pub(crate) async fn over<F, Fut>(serve: F) -> TestService
where
    F: Fn(Wire, String) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    over_with(serve, |env| env).await
}

pub(crate) async fn over_with<F, Fut>(serve: F, change: impl FnOnce(Env) -> Env) -> TestService
where
    F: Fn(Wire, String) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let user = raw::service(serve).await;
    let gateway = testkit::spawn::<Gateway>(change(env(user).await)).await;
    epoch(&gateway).await;
    gateway
}

/// Auth has filled Redis: from now on the absence of a key means something.
pub(crate) async fn epoch(gateway: &TestService) {
    set(gateway, "revoked:epoch", "1").await;
}

pub(crate) async fn set(gateway: &TestService, key: &str, value: &str) {
    use fred::interfaces::KeysInterface;
    let redis = gateway.env().key_space().client().await;
    let _: () = redis.set(key, value, None, None, false).await.expect("Redis keeps it");
}

pub(crate) async fn unset(gateway: &TestService, key: &str) {
    use fred::interfaces::KeysInterface;
    let redis = gateway.env().key_space().client().await;
    let _: () = redis.del(key).await.expect("Redis forgets it");
}

pub(crate) fn token(gateway: &TestService) -> String {
    gateway.env().people().token(|_| {})
}

pub(crate) fn address(gateway: &TestService) -> SocketAddr {
    gateway.url("").trim_start_matches("http://").parse().expect("an address")
}

/// The status of an answer's head.
pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no head: {head:?}"))
}
