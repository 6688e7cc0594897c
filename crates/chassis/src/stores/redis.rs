//! Redis behind a small API. The client library stays in here: it makes one connection, and this module decides
//! when to make the next, so that a lost server is always found again and a command never waits for one.
//!
//! With a URL that begins with redis-sentinel:// each of these connections begins at a Sentinel, which says who the
//! master is by then.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use contracts::Secret;
use fred::prelude::*;
use fred::types::config::TlsConnector;
use fred::types::{ClusterHash, ConnectHandle, CustomCommand};
use reqwest::Url;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::reconnect::Backoff;
use super::tls;

pub use fred::types::FromValue;
pub use fred::types::Value;

const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// What Redis answers to a write that was the master's and is no longer.
const DEMOTED: &str = "READONLY";
/// A script that promises nothing, so that Redis refuses it whenever it would refuse to write; it does nothing.
const MIGHT_WRITE: &str = "#!lua\nreturn 1";
/// What Redis answers while it has no memory left.
const NO_MEMORY: &str = "OOM";
/// What Redis answers while it can't write to its disk.
const CANNOT_WRITE: &str = "MISCONF";
/// How often an idle connection is tried, to notice a peer that went away without a word.
const PING_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, thiserror::Error)]
#[error("redis: {0}")]
pub struct RedisError(String);

#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    config: Config,
    url: Secret,
    address: String,
    client: RwLock<Option<Client>>,
    last_error: Mutex<String>,
    demoted: Notify,
}

impl Redis {
    /// Connects in the background, again and again, until `stop`.
    pub fn connect(url: &Secret, ca: Option<&Path>, stop: CancellationToken) -> Result<Self, String> {
        let port = Url::parse(url.expose()).ok().and_then(|url| url.port()).unwrap_or(6379);
        let mut config = config(url, ca)?;
        config.fail_fast = true;
        let redis = Self(Arc::new(Inner {
            config,
            url: url.clone(),
            address: format!("redis:{port}"),
            client: RwLock::default(),
            last_error: Mutex::new("not connected yet".to_owned()),
            demoted: Notify::new(),
        }));
        let supervised = redis.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => supervised.forget().await,
                () = supervised.supervise() => {}
            }
        });
        Ok(redis)
    }

    pub fn address(&self) -> &str {
        &self.0.address
    }

    pub async fn check(&self) -> Result<(), String> {
        let client = self.client().map_err(|error| error.0)?;
        client.ping::<()>(None).await.map_err(|error| self.error(&error).0)?;
        // Somebody else's Redis may know no scripts, or forbid them: only one answer says anything.
        match self.command::<Value>("EVAL", vec![MIGHT_WRITE.to_owned(), "0".to_owned()]).await {
            Err(error) if error.0.contains(NO_MEMORY) => {
                Err("out of memory, refuses what would be written: raise its memory limit".to_owned())
            }
            _ => Ok(()),
        }
    }

    pub async fn get(&self, key: &str) -> Result<Option<String>, RedisError> {
        self.run(async |client| client.get(key).await).await
    }

    /// The values of several keys in one round trip, in their order.
    pub async fn mget(&self, keys: &[String]) -> Result<Vec<Option<String>>, RedisError> {
        self.command("MGET", keys.to_vec()).await
    }

    pub async fn set_ex(&self, key: &str, value: &str, ttl: Duration) -> Result<(), RedisError> {
        self.run(async |client| client.set(key, value, Some(expire(ttl)), None, false).await).await
    }

    /// Whether it was set: false if the key was there.
    pub async fn set_nx_ex(&self, key: &str, value: &str, ttl: Duration) -> Result<bool, RedisError> {
        let set: Option<String> = self
            .run(async |client| client.set(key, value, Some(expire(ttl)), Some(SetOptions::NX), false).await)
            .await?;
        Ok(set.is_some())
    }

    /// How many there were.
    pub async fn del(&self, keys: &[String]) -> Result<u64, RedisError> {
        self.command("DEL", keys.to_vec()).await
    }

    /// How many there are.
    pub async fn exists(&self, keys: &[String]) -> Result<u64, RedisError> {
        self.command("EXISTS", keys.to_vec()).await
    }

    pub async fn eval<R: FromValue>(
        &self,
        script: &str,
        keys: &[String],
        args: &[String],
    ) -> Result<R, RedisError> {
        let count = keys.len().to_string();
        let arguments = [script.to_owned(), count].into_iter();
        self.command("EVAL", arguments.chain(keys.iter().cloned()).chain(args.iter().cloned()).collect())
            .await
    }

    /// Any other command, by its name.
    pub async fn command<R: FromValue>(
        &self,
        name: &'static str,
        arguments: Vec<String>,
    ) -> Result<R, RedisError> {
        self.run(async |client| {
            client.custom(CustomCommand::new_static(name, ClusterHash::FirstKey, false), arguments).await
        })
        .await
    }

    async fn run<R>(&self, work: impl AsyncFnOnce(Client) -> FredResult<R>) -> Result<R, RedisError> {
        let client = self.client()?;
        work(client).await.map_err(|error| {
            if error.details().starts_with(DEMOTED) {
                self.0.demoted.notify_one();
            }
            self.error(&error)
        })
    }

    fn client(&self) -> Result<Client, RedisError> {
        let held = self.0.client.read().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(|| {
            RedisError(self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone())
        })
    }

    fn error(&self, error: &Error) -> RedisError {
        let words = match error.details() {
            "" => format!("{:?}", error.kind()),
            words => words.to_owned(),
        };
        RedisError(tls::words(secret_free(&words, &self.0.url)))
    }

    async fn supervise(&self) {
        let mut backoff = Backoff::new();
        loop {
            let lost = match self.open().await {
                Ok((client, connection)) => {
                    backoff.reset();
                    self.hold(Some(client.clone()));
                    tracing::info!(address = self.address(), "connected to redis");
                    tokio::select! {
                        lost = watch(&client, connection) => lost,
                        () = self.0.demoted.notified() => {
                            let _ = client.quit().await;
                            "another Redis is the master now".to_owned()
                        }
                    }
                }
                Err(error) => self.error(&error).0,
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
            tracing::warn!(address = self.address(), error = lost, "no connection to redis");
            *last = lost;
        }
    }

    async fn open(&self) -> Result<(Client, ConnectHandle), Error> {
        let client = Builder::from_config(self.0.config.clone())
            .with_performance_config(|performance| performance.default_command_timeout = COMMAND_TIMEOUT)
            .with_connection_config(|connection| {
                connection.connection_timeout = CONNECT_TIMEOUT;
                connection.internal_command_timeout = CONNECT_TIMEOUT;
                connection.max_command_attempts = 1;
                connection.max_command_buffer_len = 10_000;
            })
            .build()?;
        let connection = client.init().await?;
        Ok((client, connection))
    }

    fn hold(&self, client: Option<Client>) {
        *self.0.client.write().unwrap_or_else(PoisonError::into_inner) = client;
    }

    async fn forget(&self) {
        let client = self.client();
        self.hold(None);
        if let Ok(client) = client {
            let _ = tokio::time::timeout(Duration::from_secs(1), client.quit()).await;
        }
    }
}

/// The library would look for the machine's authorities, and there are none where a service runs.
fn config(url: &Secret, ca: Option<&Path>) -> Result<Config, String> {
    let plain = url.expose().strip_prefix("rediss").map(|rest| format!("redis{rest}"));
    let config = Config::from_url(plain.as_deref().unwrap_or(url.expose()));
    let mut config = config.map_err(|error| secret_free(error.details(), url))?;
    if plain.is_some() {
        config.tls = Some(TlsConnector::from(tls::config(ca)?).into());
    }
    Ok(config)
}

/// Returns when the connection is gone, with the reason.
async fn watch(client: &Client, mut connection: ConnectHandle) -> String {
    let mut errors = client.error_rx();
    loop {
        tokio::select! {
            ended = &mut connection => {
                return match ended {
                    Ok(Err(error)) => format!("connection lost: {}", error.details()),
                    _ => "connection lost".to_owned(),
                };
            }
            error = errors.recv() => {
                connection.abort();
                return error.map_or_else(|_| "connection lost".to_owned(), |(error, _)| format!("connection lost: {}", error.details()));
            }
            () = tokio::time::sleep(PING_EVERY) => {
                if let Err(error) = client.ping::<()>(None).await
                    && !answers(&error)
                {
                    connection.abort();
                    return format!("no answer: {}", error.details());
                }
            }
        }
    }
}

/// A server that says no is there. One whose disk is full refuses writes and pings, and goes on reading.
fn answers(error: &Error) -> bool {
    error.details().starts_with(CANNOT_WRITE)
}

fn expire(ttl: Duration) -> Expiration {
    Expiration::PX(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).max(1))
}

/// What a library says about a URL may quote it, with the password in it.
pub(crate) fn secret_free(words: &str, url: &Secret) -> String {
    let password = Url::parse(url.expose()).ok().and_then(|url| url.password().map(str::to_owned));
    let words = words.replace(url.expose(), "<url>");
    match password {
        Some(password) if !password.is_empty() => words.replace(&password, "<password>"),
        _ => words,
    }
}
