//! RabbitMQ: one connection that is made again whenever it is lost, and a publisher that waits for the broker's word.
//!
//! Exchanges are declared by the operator's provision Job: a service cannot, and finds out by an error.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use contracts::Secret;
use futures::StreamExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm};
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use super::reconnect::Backoff;
use super::redis::secret_free;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
const PERSISTENT: u8 = 2;

#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// There is no connection: nothing can be said about any message.
    #[error("rabbitmq: {0}")]
    Down(String),
    /// The broker answered, and it was no.
    #[error("rabbitmq: {0}")]
    Refused(String),
}

impl BusError {
    fn words(self) -> String {
        match self {
            Self::Down(words) | Self::Refused(words) => words,
        }
    }
}

/// What became of a message that the broker has taken responsibility for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Routed,
    /// No queue is bound for it: the broker gave it back.
    Returned,
}

#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    url: Secret,
    name: String,
    address: String,
    connection: RwLock<Option<Arc<Connection>>>,
    last_error: Mutex<String>,
}

impl Bus {
    /// Connects in the background, again and again, until `stop`.
    pub fn connect(url: &Secret, name: &str, stop: CancellationToken) -> Self {
        let port = Url::parse(url.expose()).ok().and_then(|url| url.port()).unwrap_or(5672);
        let bus = Self(Arc::new(Inner {
            url: url.clone(),
            name: name.to_owned(),
            address: format!("rabbitmq:{port}"),
            connection: RwLock::default(),
            last_error: Mutex::new("not connected yet".to_owned()),
        }));
        let supervised = bus.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => supervised.forget().await,
                () = supervised.supervise() => {}
            }
        });
        bus
    }

    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// A channel comes and goes: the broker answered.
    pub async fn check(&self) -> Result<(), String> {
        let channel = self.channel().await.map_err(BusError::words)?;
        channel.close(200, "".into()).await.map_err(|error| self.error(&error).words())
    }

    pub async fn channel(&self) -> Result<Channel, BusError> {
        let connection = self.connection()?;
        connection.create_channel().await.map_err(|error| self.error(&error))
    }

    /// A channel on which each message is confirmed.
    pub fn publisher(&self) -> Publisher {
        Publisher { bus: self.clone(), channels: HashMap::new() }
    }

    fn connection(&self) -> Result<Arc<Connection>, BusError> {
        let held = self.0.connection.read().unwrap_or_else(PoisonError::into_inner).clone();
        match held {
            Some(connection) if connection.status().connected() => Ok(connection),
            _ => {
                Err(BusError::Down(self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()))
            }
        }
    }

    fn error(&self, error: &lapin::Error) -> BusError {
        match error.kind() {
            lapin::ErrorKind::ProtocolError(error) => {
                BusError::Refused(secret_free(error.get_message().as_str(), &self.0.url))
            }
            _ => BusError::Down(secret_free(&error.to_string(), &self.0.url)),
        }
    }

    async fn supervise(&self) {
        let mut backoff = Backoff::new();
        loop {
            let lost = match self.open().await {
                Ok(connection) => {
                    backoff.reset();
                    let mut events = std::pin::pin!(connection.events_listener());
                    self.hold(Some(connection.clone()));
                    tracing::info!(address = self.address(), "connected to rabbitmq");
                    loop {
                        match events.next().await {
                            Some(lapin::Event::Error(error)) if !connection.status().connected() => {
                                break format!("connection lost: {}", self.error(&error).words());
                            }
                            None => break "connection lost".to_owned(),
                            _ => {}
                        }
                    }
                }
                Err(error) => error.words(),
            };
            self.hold(None);
            self.remember(lost);
            backoff.wait().await;
        }
    }

    /// Said once, however often it is tried.
    fn remember(&self, lost: String) {
        let mut last = self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != lost {
            tracing::warn!(address = self.address(), error = lost, "no connection to rabbitmq");
            *last = lost;
        }
    }

    async fn open(&self) -> Result<Arc<Connection>, BusError> {
        let properties = ConnectionProperties::default().with_connection_name(self.0.name.clone().into());
        let connecting = Connection::connect(self.0.url.expose(), properties);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(connection)) => Ok(Arc::new(connection)),
            Ok(Err(error)) => Err(self.error(&error)),
            Err(_) => Err(BusError::Down(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
        }
    }

    fn hold(&self, connection: Option<Arc<Connection>>) {
        *self.0.connection.write().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    async fn forget(&self) {
        let connection = self.connection();
        self.hold(None);
        if let Ok(connection) = connection {
            let _ = tokio::time::timeout(Duration::from_secs(1), connection.close(200, "".into())).await;
        }
    }
}

/// Publishes with confirms, one channel an exchange: a missing exchange closes its channel and no other.
pub struct Publisher {
    bus: Bus,
    channels: HashMap<String, Channel>,
}

/// A message on its way to the broker.
pub struct Pending {
    bus: Bus,
    confirm: PublisherConfirm,
}

impl Pending {
    /// What the broker says to it.
    pub async fn confirmed(self) -> Result<Published, BusError> {
        let refused = |words: &str| Err(BusError::Refused(words.to_owned()));
        match tokio::time::timeout(CONFIRM_TIMEOUT, self.confirm).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(Published::Routed),
            Ok(Ok(Confirmation::Ack(Some(_)))) => Ok(Published::Returned),
            Ok(Ok(Confirmation::Nack(_))) => refused("the broker did not take the message"),
            Ok(Ok(Confirmation::NotRequested)) => refused("the channel does not confirm"),
            Ok(Err(error)) => Err(self.bus.error(&error)),
            Err(_) => Err(BusError::Down(format!("not confirmed within {} s", CONFIRM_TIMEOUT.as_secs()))),
        }
    }
}

impl Publisher {
    /// Sends, persistent and mandatory; several can be sent before the first is waited for.
    pub async fn send(
        &mut self,
        exchange: &str,
        routing_key: &str,
        message_id: &str,
        body: &[u8],
    ) -> Result<Pending, BusError> {
        let channel = self.channel(exchange).await?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(message_id.into())
            .with_type(routing_key.into());
        let sending = channel.basic_publish(exchange.into(), routing_key.into(), options, body, properties);
        match tokio::time::timeout(CONFIRM_TIMEOUT, sending).await {
            Ok(Ok(confirm)) => Ok(Pending { bus: self.bus.clone(), confirm }),
            Ok(Err(error)) => Err(self.bus.error(&error)),
            Err(_) => Err(BusError::Down("the broker takes nothing".to_owned())),
        }
    }

    async fn channel(&mut self, exchange: &str) -> Result<Channel, BusError> {
        // Most errors close a channel for good: it is replaced.
        if let Some(channel) = self.channels.get(exchange)
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        let channel = self.bus.channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|error| self.bus.error(&error))?;
        self.channels.insert(exchange.to_owned(), channel.clone());
        Ok(channel)
    }
}
