//! What people were told had been done, while something was done to the platform. Whatever was acknowledged must be so
//! when all is well again; what was not may have been done or not.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::{HANGS_AFTER, Kind, Log, PASSWORD, locked, outcome};
use crate::arena::eventually;
use crate::client::Gateway;

/// Somebody new comes so often.
const EVERY: Duration = Duration::from_secs(1);
const RENAMED: &str = "Augusta";
/// How many are looked up at a time.
const AT_ONCE: usize = 4;

/// Runs until it is stopped or dropped. Each second somebody registers, signs in, takes another name and signs out,
/// each once and without a second try: the next thing is done only if the one before was acknowledged.
pub struct Writer {
    newcomers: Arc<Mutex<Vec<Newcomer>>>,
    stop: watch::Sender<bool>,
    writing: JoinHandle<()>,
}

/// What one person was told.
#[derive(Clone, Debug)]
struct Newcomer {
    /// When they came, as [`super::Call::at`] counts.
    at: Duration,
    email: String,
    registered: bool,
    renamed: bool,
    signed_out: Option<SignedOut>,
}

#[derive(Clone, Debug)]
struct SignedOut {
    token: String,
    /// From then on nobody would take the token anyway.
    expires: Instant,
}

struct Desk {
    base: String,
    http: reqwest::Client,
    log: Arc<Log>,
}

/// Everything that was acknowledged.
pub struct Ledger(Vec<Newcomer>);

/// What has become of it.
#[derive(Debug, Default)]
pub struct Checked {
    pub registrations: usize,
    pub changes: usize,
    pub sign_outs: usize,
    /// Each with who, and when they came.
    pub lost: Vec<String>,
}

impl Writer {
    pub(super) fn start(gateway: &Gateway, log: Arc<Log>) -> Result<Writer> {
        let http = reqwest::Client::builder().no_proxy().timeout(HANGS_AFTER).build()?;
        let desk = Arc::new(Desk { base: gateway.base().to_owned(), http, log });
        let newcomers = Arc::default();
        let (stop, stopped) = watch::channel(false);
        let writing = tokio::spawn(write(desk, Arc::clone(&newcomers), stopped));
        Ok(Writer { newcomers, stop, writing })
    }

    /// Lets nobody else come, and waits for those who are at it.
    pub async fn stop(mut self) -> Result<Ledger> {
        let _ = self.stop.send(true);
        (&mut self.writing).await.context("the writers themselves failed")?;
        Ok(Ledger(locked(&self.newcomers).clone()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

async fn write(desk: Arc<Desk>, newcomers: Arc<Mutex<Vec<Newcomer>>>, mut stopped: watch::Receiver<bool>) {
    let mut under_way = JoinSet::new();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => break,
        }
        let (desk, newcomers) = (Arc::clone(&desk), Arc::clone(&newcomers));
        under_way.spawn(async move {
            let newcomer = desk.receive().await;
            locked(&newcomers).push(newcomer);
        });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
}

impl Desk {
    async fn receive(&self) -> Newcomer {
        let name = format!("new_{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let email = format!("{name}@example.com");
        let at = self.log.now();
        let mut newcomer = Newcomer { at, email, registered: false, renamed: false, signed_out: None };
        // What is not acknowledged ends it.
        let _ = self.serve(&mut newcomer, &name).await;
        newcomer
    }

    async fn serve(&self, newcomer: &mut Newcomer, name: &str) -> Option<()> {
        let person = json!({
            "email": newcomer.email, "username": name, "password": PASSWORD,
            "firstName": "Ada", "lastName": "Lovelace",
        });
        self.ask(Kind::Register, self.http.post(self.url("/api/user/register")).json(&person)).await?;
        newcomer.registered = true;
        let login = json!({"email": newcomer.email, "password": PASSWORD});
        let tokens = self.ask(Kind::Login, self.http.post(self.url("/api/auth/login")).json(&login)).await?;
        let (token, valid) = (tokens["access_token"].as_str()?, tokens["expires_in"].as_u64()?);
        let expires = Instant::now() + Duration::from_secs(valid);
        let patch = self.http.patch(self.url("/api/user/profile")).json(&json!({"firstName": RENAMED}));
        self.ask(Kind::Change, patch.bearer_auth(token)).await?;
        newcomer.renamed = true;
        self.ask(Kind::SignOut, self.http.post(self.url("/api/auth/logout")).bearer_auth(token)).await?;
        newcomer.signed_out = Some(SignedOut { token: token.to_owned(), expires });
        Some(())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The answer, if it is a good one.
    async fn ask(&self, kind: Kind, request: reqwest::RequestBuilder) -> Option<Value> {
        self.log.keep(kind, true, outcome(request)).await
    }
}

impl Ledger {
    /// Looks everything up, once the platform is well.
    pub async fn check(&self, gateway: &Gateway) -> Result<Checked> {
        let registered = self.0.iter().filter(|newcomer| newcomer.registered);
        let checked: Vec<Checked> = stream::iter(registered)
            .map(async |newcomer| newcomer.check(gateway).await)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(checked.into_iter().fold(Checked::default(), Checked::and))
    }
}

impl Newcomer {
    async fn check(&self, gateway: &Gateway) -> Result<Checked> {
        let mut checked = Checked { registrations: 1, ..Checked::default() };
        let mut lost = |what: &str, found: &str| {
            let (at, email) = (self.at.as_secs_f32(), &self.email);
            checked.lost.push(format!("{at:7.2} s {email}: {what}: {found}"));
        };
        let login = json!({"email": self.email, "password": PASSWORD});
        let tokens = certainly(async || gateway.post("/api/auth/login", None, login.clone()).await).await?;
        if tokens.status != 200 {
            lost("registered, and can't sign in", &tokens.text);
            return Ok(checked);
        }
        let token = tokens.text_at("/access_token").to_owned();
        let profile = certainly(async || gateway.get("/api/user/profile", Some(&token)).await).await?;
        if profile.status != 200 {
            lost("registered, and has no profile", &profile.text);
        } else if self.renamed && profile.text_at("/firstName") != RENAMED {
            lost("renamed, and has the former name", &profile.text);
        }
        // A token that has run out is refused by everybody, and tells nothing.
        let out = self.signed_out.as_ref().filter(|out| out.expires > Instant::now() + EVERY);
        if let Some(out) = out {
            let answer = certainly(async || gateway.get("/api/user/profile", Some(&out.token)).await).await?;
            if answer.status != 401 {
                lost("signed out, and the token is good", &answer.text);
            }
        }
        let sign_outs = out.iter().count();
        Ok(Checked { changes: usize::from(self.renamed), sign_outs, ..checked })
    }
}

impl Checked {
    fn and(self, other: Checked) -> Checked {
        Checked {
            registrations: self.registrations + other.registrations,
            changes: self.changes + other.changes,
            sign_outs: self.sign_outs + other.sign_outs,
            lost: [self.lost, other.lost].concat(),
        }
    }

    pub fn acknowledged(&self) -> usize {
        self.registrations + self.changes + self.sign_outs
    }
}

/// An answer that says something: neither none nor one that says to try again.
async fn certainly(ask: impl AsyncFn() -> Result<crate::client::Answer>) -> Result<crate::client::Answer> {
    eventually("the platform answers whoever looks something up", async || {
        let answer = ask().await?;
        if answer.status.is_server_error() {
            bail!("{} {}", answer.status, answer.text);
        }
        Ok(Some(answer))
    })
    .await
}
