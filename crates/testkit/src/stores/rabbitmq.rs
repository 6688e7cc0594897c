//! RabbitMQ: a virtual host for each test with the catalog's exchanges, and for a service a user with its own rights,
//! as the provision Job makes them.

use catalog::Service;
use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Consumer};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Server, State, finish, server};
use crate::wait::PATIENCE;

static SERVER: OnceCell<Server> = OnceCell::const_new();

pub(crate) async fn state() -> &'static State {
    &SERVER.get_or_init(|| server("rabbitmq", answers)).await.state
}

pub struct VirtualHost {
    name: String,
    state: State,
}

/// A fresh virtual host with every exchange of the catalog and no queue.
pub async fn rabbitmq() -> VirtualHost {
    chassis::install_crypto();
    let state = state().await.clone();
    let host = VirtualHost { name: format!("t-{}", Uuid::new_v4().simple()), state };
    let name = &host.name;
    host.manage(Method::PUT, &format!("vhosts/{name}"), json!({})).await;
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    host.manage(Method::PUT, &format!("permissions/{name}/admin"), all).await;
    for published in catalog::SERVICES.iter().flat_map(|service| service.publishes) {
        let exchange = json!({"type": "topic", "durable": true});
        host.manage(Method::PUT, &format!("exchanges/{name}/{}", published.exchange), exchange).await;
    }
    host
}

impl VirtualHost {
    /// With every right.
    pub fn url(&self) -> String {
        self.url_of("admin", &self.state.password)
    }

    /// A URL with nothing but the rights of `service`.
    pub(crate) async fn grant(&self, service: &Service) -> String {
        let user = self.user(service);
        self.manage(Method::PUT, &format!("users/{user}"), json!({"password": user, "tags": ""})).await;
        let escaped = |name: &str| name.replace('.', "\\.");
        let exchanges: Vec<String> =
            service.publishes.iter().map(|published| escaped(published.exchange)).collect();
        let queue = service.consumes.map(|consumes| escaped(consumes.queue)).unwrap_or_default();
        let rights = json!({
            "configure": "^$",
            "write": format!("^({})$", exchanges.join("|")),
            "read": format!("^({queue})$"),
        });
        self.manage(Method::PUT, &format!("permissions/{}/{user}", self.name), rights).await;
        self.url_of(&user, &user)
    }

    /// A queue that gets these keys of this exchange from now on.
    pub async fn queue(&self, exchange: &str, keys: &[&str]) -> Queue {
        let connection = Connection::connect(&self.url(), ConnectionProperties::default()).await;
        let connection = connection.expect("RabbitMQ answers");
        let channel = connection.create_channel().await.expect("RabbitMQ opens a channel");
        let name = format!("q-{}", Uuid::new_v4().simple());
        let (durable, none) = (QueueDeclareOptions::durable(), FieldTable::default);
        channel.queue_declare(name.as_str().into(), durable, none()).await.expect("a queue can be made");
        for key in keys {
            let bound = channel
                .queue_bind(
                    name.as_str().into(),
                    exchange.into(),
                    (*key).into(),
                    QueueBindOptions::default(),
                    none(),
                )
                .await;
            bound.expect("the catalog has this exchange");
        }
        let options = BasicConsumeOptions::default();
        let consumer = channel.basic_consume(name.as_str().into(), "test".into(), options, none()).await;
        Queue { consumer: consumer.expect("a queue can be read"), _connection: connection }
    }

    /// Ends every connection of `service`, as an administrator would.
    pub async fn kick(&self, service: &str) {
        let service = catalog::service(service).expect("the catalog has it");
        self.manage(Method::DELETE, &format!("connections/username/{}", self.user(service)), json!({})).await;
    }

    /// For what a service cannot do itself: `manage(Method::DELETE, "exchanges/<vhost>/user.events")`.
    pub async fn without_exchange(&self, exchange: &str) {
        self.manage(Method::DELETE, &format!("exchanges/{}/{exchange}", self.name), json!({})).await;
    }

    pub async fn with_exchange(&self, exchange: &str) {
        let topic = json!({"type": "topic", "durable": true});
        self.manage(Method::PUT, &format!("exchanges/{}/{exchange}", self.name), topic).await;
    }

    fn user(&self, service: &Service) -> String {
        format!("{}-{}", service.name, self.name)
    }

    fn url_of(&self, user: &str, password: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/{}", self.state.port, self.name)
    }

    async fn manage(&self, method: Method, path: &str, body: Value) {
        let answer = manage(&self.state, method, path, body).await;
        assert!(answer.is_ok_and(|status| status.is_success()), "RabbitMQ refuses {path}");
    }
}

impl Drop for VirtualHost {
    fn drop(&mut self) {
        let (state, name) = (self.state.clone(), self.name.clone());
        finish(async move {
            let _ = manage(&state, Method::DELETE, &format!("vhosts/{name}"), json!({})).await;
            for service in catalog::SERVICES {
                let user = format!("users/{}-{name}", service.name);
                let _ = manage(&state, Method::DELETE, &user, json!({})).await;
            }
        });
    }
}

/// What arrived.
pub struct Queue {
    consumer: Consumer,
    _connection: Connection,
}

impl Queue {
    /// The next message, waited for.
    pub async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.consumer.next()).await;
        let delivery = next.expect("a message arrives").expect("the queue lives").expect("the queue lives");
        delivery.ack(BasicAckOptions::default()).await.expect("RabbitMQ takes the word");
        serde_json::from_slice(&delivery.data).expect("a message is JSON")
    }
}

async fn manage(
    state: &State,
    method: Method,
    path: &str,
    body: Value,
) -> Result<reqwest::StatusCode, reqwest::Error> {
    let url = format!("http://127.0.0.1:{}/api/{path}", state.second);
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request = client.request(method, url).basic_auth("admin", Some(&state.password)).json(&body);
    Ok(request.send().await?.status())
}

pub(super) async fn answers(state: State) -> bool {
    let listed = manage(&state, Method::GET, "exchanges", json!({})).await;
    let ready = listed.is_ok_and(|status| status.is_success());
    let url = format!("amqp://admin:{}@127.0.0.1:{}/%2f", state.password, state.port);
    ready && Connection::connect(&url, ConnectionProperties::default()).await.is_ok()
}
