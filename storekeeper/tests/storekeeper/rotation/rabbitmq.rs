//! Both users have the same permissions.

use storekeeper::document::{Document, ExchangeKeys, Queue, RabbitmqAccount, RabbitmqWork};
use testkit::eventually;

use super::super::support::{Place, document_of};
use super::turn;

const KEY: &str = "user.login";

fn with_rabbitmq(place: &Place, own: bool) -> Document {
    document_of("shop/orion", |document| {
        let keys = || ExchangeKeys { exchange: "auth.events".into(), keys: vec![KEY.into()] };
        let mut work: RabbitmqWork = place.rabbitmq();
        work.server.own = own;
        work.exchanges = vec!["auth.events".into()];
        work.queues = vec![Queue { name: "audit.queue".into(), bindings: vec![keys()] }];
        work.accounts = vec![RabbitmqAccount {
            user: place.name("auth"),
            password_file: place.file("password", "one"),
            second: place.second(place.name("auth-2")),
            publishes: vec![keys()],
            reads: vec!["audit.queue".into()],
        }];
        document.rabbitmq = Some(work);
    })
}

async fn amqp(place: &Place, user: &str, password: &str) -> lapin::Result<lapin::Connection> {
    let (host, port) = (place.rabbitmq.host, place.rabbitmq.port);
    let uri = format!("amqp://{}:{password}@{host}:{port}/{}", place.name(user), place.name("orion"));
    lapin::Connection::connect(&uri, lapin::ConnectionProperties::default()).await
}

/// One message there and back.
async fn publish_and_read(connection: &lapin::Connection, key: &str) -> lapin::Result<bool> {
    use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions};
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = lapin::BasicProperties::default();
    let sent = channel.basic_publish("auth.events".into(), key.into(), options, b"hello", properties).await?;
    let sent = sent.await?.is_ack();
    let read = channel.basic_get("audit.queue".into(), BasicGetOptions { no_ack: true }).await?;
    channel.close(200, "".into()).await?;
    Ok(sent && read.is_some())
}

#[tokio::test]
async fn either_rabbitmq_user_does_the_same_and_the_one_without_a_password_is_cut_off() {
    let place = Place::new().await;
    for own in [true, false] {
        let document = with_rabbitmq(&place, own);
        turn(&place, &document, Some("one"), None).await;
        amqp(&place, "auth-2", "two").await.unwrap_err();
        turn(&place, &document, Some("one"), Some("two")).await;
        let (first, second) =
            (amqp(&place, "auth", "one").await.unwrap(), amqp(&place, "auth-2", "two").await.unwrap());
        for user in [&first, &second] {
            assert!(publish_and_read(user, KEY).await.unwrap());
            publish_and_read(user, "user.created").await.unwrap_err();
        }
        turn(&place, &document, None, Some("two")).await;
        amqp(&place, "auth", "one").await.unwrap_err();
        assert!(publish_and_read(&second, KEY).await.unwrap());
        let closed = async || (!first.status().connected()).then_some(());
        eventually("the former user's connection is closed", closed).await;
        turn(&place, &document, Some("three"), Some("two")).await;
        amqp(&place, "auth", "one").await.unwrap_err();
        turn(&place, &document, Some("three"), None).await;
        amqp(&place, "auth-2", "two").await.unwrap_err();
        amqp(&place, "auth", "three").await.unwrap();
    }
}
