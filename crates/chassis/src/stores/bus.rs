//! RabbitMQ: one connection that is made again whenever it is lost.
//!
//! Exchanges are declared by the operator's provision Job: a service cannot, and finds out by an error.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use contracts::Secret;
use futures::{FutureExt, StreamExt};
use lapin::tcp::{AMQPUriTcpExt, RustlsConnector};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};
use reqwest::Url;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::publisher::Publisher;
use super::reconnect::Backoff;
use super::redis::secret_free;
use super::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the state of a connection is looked at, whatever is told about it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

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

#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    url: Secret,
    tls: Option<RustlsConnector>,
    name: String,
    address: String,
    connection: RwLock<Option<Arc<Connection>>>,
    last_error: Mutex<String>,
    /// Somebody waited in vain for an answer.
    suspect: Notify,
}

impl Bus {
    /// Connects in the background, again and again, until `stop`.
    pub fn connect(
        url: &Secret,
        ca: Option<&Path>,
        name: &str,
        stop: CancellationToken,
    ) -> Result<Self, String> {
        let encrypted = url.expose().starts_with("amqps:");
        let tls = encrypted.then(|| tls::config(ca).map(RustlsConnector::from)).transpose()?;
        let port = Url::parse(url.expose()).ok().and_then(|url| url.port()).unwrap_or(if encrypted {
            5671
        } else {
            5672
        });
        let bus = Self(Arc::new(Inner {
            url: url.clone(),
            tls,
            name: name.to_owned(),
            address: format!("rabbitmq:{port}"),
            connection: RwLock::default(),
            last_error: Mutex::new("not connected yet".to_owned()),
            suspect: Notify::new(),
        }));
        let supervised = bus.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => supervised.forget().await,
                () = supervised.supervise() => {}
            }
        });
        Ok(bus)
    }

    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// A channel comes and goes: the broker answered.
    pub async fn check(&self) -> Result<(), String> {
        let channel = self.channel().await.map_err(BusError::words)?;
        self.answered(channel.close(200, "".into())).await.map_err(BusError::words)
    }

    pub async fn channel(&self) -> Result<Channel, BusError> {
        let connection = self.connection()?;
        self.answered(connection.create_channel()).await
    }

    /// A channel on which each message is confirmed.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.clone())
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

    pub(super) fn error(&self, error: &lapin::Error) -> BusError {
        match error.kind() {
            lapin::ErrorKind::ProtocolError(error) => {
                BusError::Refused(secret_free(error.get_message().as_str(), &self.0.url))
            }
            _ => BusError::Down(tls::words(secret_free(&error.to_string(), &self.0.url))),
        }
    }

    async fn supervise(&self) {
        let mut backoff = Backoff::new();
        loop {
            let lost = match self.open().await {
                Ok(connection) => {
                    backoff.reset();
                    self.hold(Some(connection.clone()));
                    tracing::info!(address = self.address(), "connected to rabbitmq");
                    self.watch(&connection).await
                }
                Err(error) => error.words(),
            };
            self.hold(None);
            self.remember(lost);
            backoff.wait().await;
        }
    }

    /// Returns when the connection is gone, with the reason. The library tells of an error sometimes before its own
    /// status says so, and of one that came very early not at all: the status is looked at, too.
    async fn watch(&self, connection: &Connection) -> String {
        let mut events = std::pin::pin!(connection.events_listener());
        // A suspicion of the connection before this one.
        let _ = self.0.suspect.notified().now_or_never();
        let mut why = "connection lost".to_owned();
        while connection.status().connected() {
            tokio::select! {
                event = events.next() => match event {
                    Some(lapin::Event::Error(error)) => {
                        why = format!("connection lost: {}", self.error(&error).words());
                        // For the status to follow.
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                    Some(_) => {}
                    None => break,
                },
                () = self.0.suspect.notified() => {
                    let closing = connection.close(200, "".into());
                    let _ = tokio::time::timeout(LOOK_AGAIN, closing).await;
                    return format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        why
    }

    /// Bounds what the library may wait for without an end, and gives a connection up that answers nothing.
    pub(super) async fn answered<T>(
        &self,
        asking: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, BusError> {
        match tokio::time::timeout(ANSWER_TIMEOUT, asking).await {
            Ok(answer) => answer.map_err(|error| self.error(&error)),
            Err(_) => {
                self.0.suspect.notify_one();
                Err(BusError::Down(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())))
            }
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
        let connecting = connect(self.0.url.expose(), self.0.tls.clone(), properties);
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

/// The library would look for the machine's authorities, and there are none where a service runs.
async fn connect(
    url: &str,
    tls: Option<RustlsConnector>,
    properties: ConnectionProperties,
) -> lapin::Result<Connection> {
    let Some(tls) = tls else { return Connection::connect(url, properties).await };
    let failed = |error| lapin::Error::from(ErrorKind::IOError(Arc::new(error)));
    let uri: AMQPUri = url.parse().map_err(|words: String| failed(std::io::Error::other(words)))?;
    let open = async move |uri: AMQPUri, runtime| {
        let host = uri.authority.host.clone();
        let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri };
        let stream = plain.connect_async(&runtime).await.map_err(failed)?;
        stream.into_rustls(&tls, &host).await.map_err(failed)
    };
    Connection::connector(uri, lapin::runtime::default_runtime()?, open, properties).await
}
