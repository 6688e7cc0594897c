//! RabbitMQ: a user publishes its own keys, reads its own queue and makes nothing.

use std::time::Duration;

use lapin::options::*;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use storekeeper::document::{Document, ExchangeKeys, Queue, RabbitmqAccount, RabbitmqWork};

use super::support::{Place, run};

const KEYS: &[&str] = &["user.login", "user.logout"];

fn granted(exchange: &str, keys: &[&str]) -> ExchangeKeys {
    ExchangeKeys { exchange: exchange.to_owned(), keys: keys.iter().map(|key| (*key).to_owned()).collect() }
}

/// auth publishes, audit reads.
fn work(place: &Place) -> RabbitmqWork {
    let mut work = place.rabbitmq();
    work.exchanges = vec!["auth.events".into(), "user.events".into()];
    let bindings = vec![granted("auth.events", KEYS)];
    work.queues = vec![Queue { name: "audit.queue".into(), bindings }];
    work.accounts = vec![
        RabbitmqAccount {
            user: place.name("auth"),
            password_file: place.file("auth-password", "auth-secret"),
            second: None,
            publishes: vec![granted("auth.events", KEYS)],
            reads: Vec::new(),
        },
        RabbitmqAccount {
            user: place.name("audit"),
            password_file: place.file("audit-password", "audit-secret"),
            second: None,
            publishes: Vec::new(),
            reads: vec!["audit.queue".into()],
        },
    ];
    work
}

async fn enter(place: &Place, user: &str, password: &str, vhost: &str) -> lapin::Result<Connection> {
    let address = &place.rabbitmq;
    let uri = format!("amqp://{user}:{password}@{}:{}/{vhost}", address.host, address.port);
    Connection::connect(&uri, ConnectionProperties::default()).await
}

/// Publishes and waits for the broker's word; a refusal closes the channel.
async fn publish(connection: &Connection, exchange: &str, key: &str) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sent = channel
        .basic_publish(exchange.into(), key.into(), options, b"hello", BasicProperties::default())
        .await?
        .await?;
    assert!(sent.is_ack(), "{sent:?}");
    Ok(channel)
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(outcome: lapin::Result<T>) {
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("ACCESS_REFUSED") || error.contains("ACCESS-REFUSED"), "{error}");
}

#[tokio::test]
async fn a_user_publishes_its_own_keys_and_makes_nothing() {
    let place = Place::new().await;
    let work = work(&place);
    let vhost = work.virtual_host.clone();
    run(&Document { rabbitmq: Some(work), ..Document::default() }).await.unwrap();

    let auth = enter(&place, &place.name("auth"), "auth-secret", &vhost).await.unwrap();
    publish(&auth, "auth.events", "user.login").await.unwrap();
    assert_refused(publish(&auth, "auth.events", "user.created").await);
    assert_refused(publish(&auth, "auth.events", "user.login.more").await);
    assert_refused(publish(&auth, "user.events", "user.login").await);
    // The nameless exchange would reach every queue.
    assert_refused(publish(&auth, "", "audit.queue").await);
    let channel = auth.create_channel().await.unwrap();
    assert_refused(
        channel.queue_declare("mine".into(), QueueDeclareOptions::default(), FieldTable::default()).await,
    );
    let channel = auth.create_channel().await.unwrap();
    assert_refused(channel.basic_get("audit.queue".into(), BasicGetOptions::default()).await);
    enter(&place, &place.name("auth"), "auth-secret", "%2f").await.unwrap_err();
}

#[tokio::test]
async fn a_user_reads_its_own_queue_with_what_is_bound_to_it() {
    let place = Place::new().await;
    let work = work(&place);
    let vhost = work.virtual_host.clone();
    run(&Document { rabbitmq: Some(work), ..Document::default() }).await.unwrap();

    let auth = enter(&place, &place.name("auth"), "auth-secret", &vhost).await.unwrap();
    publish(&auth, "auth.events", "user.login").await.unwrap();
    let audit = enter(&place, &place.name("audit"), "audit-secret", &vhost).await.unwrap();
    let channel = audit.create_channel().await.unwrap();
    let message = channel.basic_get("audit.queue".into(), BasicGetOptions::default()).await.unwrap().unwrap();
    assert_eq!(message.delivery.routing_key.as_str(), "user.login");
    assert_refused(publish(&audit, "auth.events", "user.login").await);
}

#[tokio::test]
async fn a_second_run_keeps_messages_takes_up_a_new_password_and_drops_keys_that_are_gone() {
    let place = Place::new().await;
    let mut work = work(&place);
    let vhost = work.virtual_host.clone();
    run(&Document { rabbitmq: Some(work.clone()), ..Document::default() }).await.unwrap();
    let auth = enter(&place, &place.name("auth"), "auth-secret", &vhost).await.unwrap();
    publish(&auth, "auth.events", "user.login").await.unwrap();

    place.file("auth-password", "new-secret");
    work.queues[0].bindings = vec![granted("auth.events", &["user.logout"])];
    run(&Document { rabbitmq: Some(work), ..Document::default() }).await.unwrap();

    enter(&place, &place.name("auth"), "auth-secret", &vhost).await.unwrap_err();
    let auth = enter(&place, &place.name("auth"), "new-secret", &vhost).await.unwrap();
    publish(&auth, "auth.events", "user.login").await.unwrap();
    publish(&auth, "auth.events", "user.logout").await.unwrap();
    let audit = enter(&place, &place.name("audit"), "audit-secret", &vhost).await.unwrap();
    let channel = audit.create_channel().await.unwrap();
    let mut keys = Vec::new();
    while let Some(message) =
        channel.basic_get("audit.queue".into(), BasicGetOptions::default()).await.unwrap()
    {
        keys.push(message.delivery.routing_key.to_string());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(keys, ["user.login", "user.logout"]);
}

#[tokio::test]
async fn an_administrator_named_like_a_service_keeps_its_password_and_powers() {
    let place = Place::new().await;
    let mut work = work(&place);
    let administrator = std::fs::read_to_string(&work.server.admin_username_file).unwrap();
    work.accounts[0].user = administrator.trim().to_owned();
    let again = Document { rabbitmq: Some(place.rabbitmq()), ..Document::default() };
    let failure =
        run(&Document { rabbitmq: Some(work), ..Document::default() }).await.unwrap_err().to_string();
    assert!(failure.contains("give an administrator of another name"), "{failure}");
    run(&again).await.unwrap();
}
