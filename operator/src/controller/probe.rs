//! Asks each service how it is, deep down, on its management port: readiness must not fail for a database's blip, but
//! a person wants to know.

use super::cache::{Cache, Key, UNIT, label};
use super::readiness::condition;
use crate::api::Health;
use futures::StreamExt;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, MissedTickBehavior, interval};

const TICK: Duration = Duration::from_secs(3);
/// How often a service that is fine is asked.
const FINE: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(1);
/// How many are asked at the same time.
const AT_ONCE: usize = 32;

/// Where a service is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub unit: Box<str>,
    pub address: Box<str>,
}

/// Of a service's pod that is ready. Pure.
pub fn target(pod: &Value) -> Option<Target> {
    let unit = label(pod, UNIT).filter(|unit| catalog::service(unit).is_some())?;
    let address = pod["status"]["podIP"].as_str()?;
    condition(pod, "Ready").map(|_| Target { unit: unit.into(), address: address.into() })
}

/// What a service said last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub health: Health,
    pub message: Option<String>,
}

#[derive(Default)]
pub struct Probes {
    answers: RwLock<HashMap<(Key, String), (Instant, Answer)>>,
}

impl Probes {
    pub fn of(&self, platform: &Key, unit: &str) -> Answer {
        let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        answers.get(&(platform.clone(), unit.to_owned())).map(|(_, a)| a.clone()).unwrap_or_default()
    }

    fn due(&self, target: &(Key, String)) -> bool {
        let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        answers.get(target).is_none_or(|(when, a)| a.health != Health::Ok || when.elapsed() >= FINE)
    }

    /// Keeps an answer; true if it is news.
    fn keep(&self, target: &(Key, String), answer: Answer) -> bool {
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        let before = answers.insert(target.clone(), (Instant::now(), answer.clone()));
        before.map(|(_, a)| a).unwrap_or_default() != answer
    }

    fn forget_all_but(&self, targets: &HashMap<(Key, String), Vec<String>>) {
        self.answers.write().unwrap_or_else(PoisonError::into_inner).retain(|t, _| targets.contains_key(t));
    }
}

/// Probes until the process ends.
pub async fn run(cache: Arc<Cache>, probes: Arc<Probes>, triggers: UnboundedSender<Key>) {
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
    // Asked twice a minute: a connection that is kept for that costs more than a new one, on both sides.
    let client = client.pool_max_idle_per_host(0).build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "no deep health: can't make an HTTP client"),
    };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let targets = targets(&cache);
        probes.forget_all_but(&targets);
        let due: Vec<_> = targets.into_iter().filter(|(target, _)| probes.due(target)).collect();
        let asked = due.into_iter().map(|(target, addresses)| {
            let client = client.clone();
            async move { (target, ask_all(&client, &addresses).await) }
        });
        let mut answers = futures::stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some((target, answer)) = answers.next().await {
            if probes.keep(&target, answer) {
                cache.touch(&target.0);
                let _ = triggers.send(target.0);
            }
        }
    }
}

/// The addresses of the ready pods of every service.
fn targets(cache: &Cache) -> HashMap<(Key, String), Vec<String>> {
    let mut targets: HashMap<(Key, String), Vec<String>> = HashMap::new();
    for (key, target) in cache.targets() {
        targets.entry((key, target.unit.into())).or_default().push(target.address.into());
    }
    targets
}

/// The worst answer of a service's pods.
async fn ask_all(client: &reqwest::Client, addresses: &[String]) -> Answer {
    let answers = futures::future::join_all(addresses.iter().map(|address| ask(client, address))).await;
    let rank = |a: &Answer| match a.health {
        Health::Ok => 0,
        Health::Unknown => 1,
        Health::Degraded => 2,
        Health::Down => 3,
    };
    answers.into_iter().max_by_key(rank).unwrap_or_default()
}

async fn ask(client: &reqwest::Client, address: &str) -> Answer {
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let url = format!("http://{host}:{}/healthz", catalog::MANAGEMENT_PORT);
    // A service that is down answers 503 and says in the body what is wrong.
    let Ok(response) = client.get(url).send().await else { return Answer::default() };
    match response.json::<Value>().await {
        Ok(body) => read(&body),
        Err(_) => Answer::default(),
    }
}

/// An answer from the document of /healthz.
pub fn read(body: &Value) -> Answer {
    let health = match body["status"].as_str() {
        Some("ok") => Health::Ok,
        Some("degraded") => Health::Degraded,
        Some("down") => Health::Down,
        _ => Health::Unknown,
    };
    let failing = body["checks"].as_object().into_iter().flatten().filter(|(_, c)| c["status"] != "ok");
    let told = failing.map(|(name, check)| match check["error"].as_str() {
        Some(error) => format!("{name}: {error}"),
        None => format!("{name} is {}", check["status"].as_str().unwrap_or("not ok")),
    });
    let message = Some(told.collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty());
    Answer { health, message: message.filter(|_| health != Health::Ok) }
}
