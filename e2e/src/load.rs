//! People at work while something is done to the platform: a steady, light load through the gateway, and what came of
//! every single request.
//!
//! It does not wait for one answer before it sends the next request: a platform that hangs is asked as often as one
//! that answers, and nothing it does hides. Half of the requests come on connections that are kept, half on fresh
//! ones: what breaks the one kind often spares the other.

mod record;
mod writes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use record::{Call, Kind, Outcome, Record};
pub use writes::{Checked, Ledger, Writer};

use crate::arena::eventually;
use crate::client::Gateway;

/// 20 requests a second: two logins, two refreshes, and somebody's profile all the others.
const EVERY: Duration = Duration::from_millis(50);
const PEOPLE: usize = 4;
/// The gateway gives up on a service after 30 s and says so. A client that hears nothing by then was left hanging.
const HANGS_AFTER: Duration = Duration::from_secs(35);
const PASSWORD: &str = "correct horse battery staple";

/// Runs until it is stopped or dropped.
pub struct Load {
    log: Arc<Log>,
    stop: watch::Sender<bool>,
    sending: JoinHandle<()>,
}

/// Every request, from its sending to its end.
struct Log {
    started: Instant,
    ended: Mutex<Vec<Call>>,
    /// When each was sent that has not come to an end.
    under_way: Mutex<BTreeMap<u64, Duration>>,
}

struct Person {
    email: String,
    /// Held while it is used: a refresh token is good for one use.
    refresh: tokio::sync::Mutex<String>,
    access: Mutex<String>,
}

struct Crowd {
    base: String,
    kept: reqwest::Client,
    fresh: reqwest::Client,
    people: Vec<Person>,
}

impl Load {
    /// Registers some people, waits until they can do all they will do, and begins.
    pub async fn start(gateway: &Gateway) -> Result<Load> {
        let crowd = Arc::new(Crowd::gather(gateway).await?);
        let log = Arc::new(Log::new());
        let (stop, stopped) = watch::channel(false);
        let sending = tokio::spawn(send(crowd, Arc::clone(&log), stopped));
        Ok(Load { log, stop, sending })
    }

    /// Now, as [`Call::at`] counts.
    pub fn now(&self) -> Duration {
        self.log.now()
    }

    /// What was sent since then and has come to an end.
    pub fn since(&self, then: Duration) -> Record {
        Record(locked(&self.log.ended).iter().filter(|call| call.at >= then).cloned().collect())
    }

    /// Whether all that was sent before then has come to an end.
    pub fn is_decided(&self, then: Duration) -> bool {
        locked(&self.log.under_way).values().all(|at| *at >= then)
    }

    /// Waits until all is well again: for a second whatever was sent was answered well.
    pub async fn until_well(&self) -> Result<()> {
        eventually("a second without a failed request", async || {
            let lately = self.since(self.now().saturating_sub(Duration::from_secs(1)));
            Ok((lately.0.len() >= 10 && lately.failed().is_empty()).then_some(()))
        })
        .await
    }

    /// Lets people write as well, and remembers what they were told.
    pub fn write(&self, gateway: &Gateway) -> Result<Writer> {
        Writer::start(gateway, Arc::clone(&self.log))
    }

    /// Sends nothing more and waits for what is under way.
    pub async fn stop(mut self) -> Result<Record> {
        let _ = self.stop.send(true);
        (&mut self.sending).await.context("the load itself failed")?;
        Ok(self.since(Duration::ZERO))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

impl Log {
    fn new() -> Log {
        Log { started: Instant::now(), ended: Mutex::default(), under_way: Mutex::default() }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Makes a request and remembers what came of it; gives a good answer's body.
    async fn keep(
        &self,
        kind: Kind,
        kept: bool,
        request: impl Future<Output = (Outcome, Value)>,
    ) -> Option<Value> {
        let at = self.now();
        let number = {
            let mut under_way = locked(&self.under_way);
            let number = under_way.last_key_value().map_or(0, |(last, _)| last + 1);
            under_way.insert(number, at);
            number
        };
        let (outcome, answer) = request.await;
        let good = matches!(outcome, Outcome::Good);
        let call = Call { at, took: self.now() - at, kind, kept, outcome };
        locked(&self.ended).push(call);
        locked(&self.under_way).remove(&number);
        good.then_some(answer)
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(crowd: Arc<Crowd>, log: Arc<Log>, mut stopped: watch::Receiver<bool>) {
    let mut under_way = JoinSet::new();
    let mut ticks = tokio::time::interval(EVERY);
    // A machine that was busy for a moment is no reason for a burst.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 0.. {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => break,
        }
        let (crowd, log) = (Arc::clone(&crowd), Arc::clone(&log));
        under_way.spawn(async move { crowd.act(&log, number).await });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

impl Crowd {
    async fn gather(gateway: &Gateway) -> Result<Crowd> {
        let client = || reqwest::Client::builder().no_proxy().timeout(HANGS_AFTER);
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            people.push(newcomer(gateway, number).await?);
        }
        Ok(Crowd {
            base: gateway.base().to_owned(),
            kept: client().build()?,
            fresh: client().pool_max_idle_per_host(0).build()?,
            people,
        })
    }

    async fn act(&self, log: &Log, number: usize) {
        let (round, turn) = (number / 10, number % 10);
        let kept = (round + turn) % 2 == 0;
        let client = if kept { &self.kept } else { &self.fresh };
        let person = &self.people[(round + turn) % PEOPLE];
        match turn {
            0 => log.keep(Kind::Login, kept, self.login(client, person)).await,
            5 => match person.refresh.try_lock() {
                Ok(mut token) => {
                    log.keep(Kind::Refresh, kept, self.refresh(client, person, &mut token)).await
                }
                // The refresh before this one has no answer yet.
                Err(_) => log.keep(Kind::Profile, kept, self.profile(client, person)).await,
            },
            _ => log.keep(Kind::Profile, kept, self.profile(client, person)).await,
        };
    }

    async fn login(&self, client: &reqwest::Client, person: &Person) -> (Outcome, Value) {
        let body = json!({"email": person.email, "password": PASSWORD});
        outcome(client.post(format!("{}/api/auth/login", self.base)).json(&body)).await
    }

    async fn refresh(
        &self,
        client: &reqwest::Client,
        person: &Person,
        token: &mut String,
    ) -> (Outcome, Value) {
        let body = json!({"refresh_token": token.as_str()});
        let (outcome, answer) =
            outcome(client.post(format!("{}/api/auth/refresh", self.base)).json(&body)).await;
        if let (Some(access), Some(refresh)) =
            (answer["access_token"].as_str(), answer["refresh_token"].as_str())
        {
            *locked(&person.access) = access.to_owned();
            *token = refresh.to_owned();
        }
        (outcome, answer)
    }

    async fn profile(&self, client: &reqwest::Client, person: &Person) -> (Outcome, Value) {
        let token = locked(&person.access).clone();
        outcome(client.get(format!("{}/api/user/profile", self.base)).bearer_auth(token)).await
    }
}

async fn newcomer(gateway: &Gateway, number: usize) -> Result<Person> {
    // Several loads may follow each other on one platform.
    let name = format!("load{number}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let email = format!("{name}@example.com");
    let person = json!({
        "email": email, "username": name.replace('-', "_"), "password": PASSWORD,
        "firstName": "Ada", "lastName": "Lovelace",
    });
    gateway.post("/api/user/register", None, person).await?.expect(201);
    let login = json!({"email": email, "password": PASSWORD});
    let tokens = gateway.post("/api/auth/login", None, login).await?.expect(200);
    let access = tokens.text_at("/access_token").to_owned();
    // Revocations are known a moment after the install.
    eventually("a profile is shown", async || {
        let answer = gateway.get("/api/user/profile", Some(&access)).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    let refresh = tokens.text_at("/refresh_token").to_owned().into();
    Ok(Person { email, refresh, access: access.into() })
}

/// What came of it, and the body of a good answer.
async fn outcome(request: reqwest::RequestBuilder) -> (Outcome, Value) {
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return (Outcome::Broken(chain(&error)), Value::Null),
    };
    let status = answer.status();
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after = header(RETRY_AFTER).and_then(|value| value.parse().ok());
    let problem = header(CONTENT_TYPE) == Some("application/problem+json");
    let text = match answer.text().await {
        Ok(text) => text,
        Err(error) => return (Outcome::Broken(chain(&error)), Value::Null),
    };
    if status.is_success() {
        return (Outcome::Good, serde_json::from_str(&text).unwrap_or_default());
    }
    (Outcome::Refused { status: status.as_u16(), retry_after, problem, text }, Value::Null)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
