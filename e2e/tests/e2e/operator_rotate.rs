//! Every service's accounts in every store are replaced while people sign in and look at their profiles, and not one of
//! their requests fails; whoever has kept the former accounts is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use e2e::client::Gateway;
use e2e::{Arena, eventually, scene, status};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::ListParams;
use operator::api::{OrionPlatform, RotationPhase};
use operator::rotation::ROTATE;
use serde_json::{Value, json};

const SERVICES: [&str; 3] = ["auth", "user", "gateway"];
const PASSWORD: &str = "correct horse battery staple";
/// Between two rounds of requests of one person.
const PAUSE: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_replaced_without_a_request_being_lost_and_the_former_ones_are_refused() -> Result<()> {
    scene("operator-rotate", async |arena| {
        arena.apply(json!({"exposure": {"nodePort": {}}})).await?;
        arena.until_ready().await?;
        let former = credentials(arena).await?;
        assert_eq!(refused(arena, &former).await?, Vec::<String>::new(), "all work before");
        let crowd = Crowd::gather(arena).await?;

        arena.annotate(ROTATE, Some("first")).await?;
        arena.until("the new accounts are there", |p| phase(p) == Some(RotationPhase::Rolling)).await?;
        // It goes on where it was.
        arena.kill_operator().await?;
        let done = finished(arena, None).await?;
        let second = credentials(arena).await?;
        // Back to the first accounts, with other passwords.
        arena.annotate(ROTATE, Some("again")).await?;
        finished(arena, last(&done)).await?;

        let asked = crowd.leave().await?;
        assert!(asked > 50, "only {asked} requests were made");
        assert!(second.iter().all(|(name, url)| former[name] != *url));
        let all: Vec<String> = former.keys().cloned().collect();
        assert_eq!(refused(arena, &former).await?, all);
        assert_eq!(refused(arena, &second).await?, all);
        assert_eq!(refused(arena, &credentials(arena).await?).await?, Vec::<String>::new());
        assert_no_job_is_left_over(arena).await
    })
    .await
}

/// Ready all the time that it takes, and then done.
pub(crate) async fn finished(arena: &Arena, before: Option<Value>) -> Result<OrionPlatform> {
    let done = |p: &OrionPlatform| {
        assert!(status::is_true(p, "Ready"), "{}", status::told(p));
        phase(p) == Some(RotationPhase::Settled) && last(p).is_some() && last(p) != before
    };
    arena.until("the accounts are replaced", done).await
}

fn phase(platform: &OrionPlatform) -> Option<RotationPhase> {
    platform.status.as_ref()?.credentials.as_ref().map(|credentials| credentials.phase)
}

fn last(platform: &OrionPlatform) -> Option<Value> {
    let credentials = platform.status.as_ref()?.credentials.as_ref()?;
    credentials.last_rotation.as_ref().and_then(|time| serde_json::to_value(time).ok())
}

/// The URL of each service's account in each store, as the Secrets hold them.
pub(crate) async fn credentials(arena: &Arena) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for service in SERVICES {
        let secret = arena.api::<Secret>().get(&format!("orion-{service}-credentials")).await?;
        for (key, value) in secret.data.unwrap_or_default() {
            // The second account's keys end on -2.
            let Some(store) = key.trim_end_matches("-2").strip_suffix("-url") else { continue };
            all.insert(format!("{service} {store}"), String::from_utf8(value.0)?);
        }
    }
    Ok(all)
}

/// People who sign in, look at their profile, and begin again.
struct Crowd {
    people: Vec<tokio::task::JoinHandle<Result<usize>>>,
    enough: Arc<AtomicBool>,
}

impl Crowd {
    async fn gather(arena: &Arena) -> Result<Crowd> {
        let enough = Arc::new(AtomicBool::new(false));
        let mut people = Vec::new();
        for name in ["ada", "bob", "cleo"] {
            let gateway = Gateway::of(arena).await?;
            let person = json!({
                "email": format!("{name}@example.com"), "username": name, "password": PASSWORD,
                "firstName": name, "lastName": "Lovelace",
            });
            gateway.post("/api/user/register", None, person).await?.expect(201);
            let enough = enough.clone();
            people.push(tokio::spawn(async move { busy(&gateway, name, &enough).await }));
        }
        Ok(Crowd { people, enough })
    }

    /// How many requests were made, if none of them failed.
    async fn leave(self) -> Result<usize> {
        self.enough.store(true, Ordering::Relaxed);
        let mut asked = 0;
        for person in self.people {
            asked += person.await.context("a person")??;
        }
        Ok(asked)
    }
}

async fn busy(gateway: &Gateway, name: &str, enough: &AtomicBool) -> Result<usize> {
    let mut asked = 0;
    while !enough.load(Ordering::Relaxed) {
        let right = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
        let login = gateway.post("/api/auth/login", None, right).await?;
        if login.status != 200 {
            bail!("request {asked} of {name}, a login, failed: {} {}", login.status, login.text);
        }
        for _ in 0..4 {
            let profile = gateway.get("/api/user/profile", Some(login.text_at("/access_token"))).await?;
            if profile.status != 200 || profile.text_at("/firstName") != name {
                bail!("request {asked} of {name}, a profile, failed: {} {}", profile.status, profile.text);
            }
            asked += 1;
            tokio::time::sleep(PAUSE).await;
        }
        asked += 1;
    }
    Ok(asked)
}

/// Which of these accounts the stores refuse, by the account of each store's own client.
pub(crate) async fn refused(arena: &Arena, urls: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (account, url) in urls {
        if !gets_in(arena, url).await.with_context(|| account.clone())? {
            all.push(account.clone());
        }
    }
    Ok(all)
}

/// All instances of a store say the same.
async fn gets_in(arena: &Arena, url: &str) -> Result<bool> {
    let (scheme, rest) = url.split_once("://").context("a URL")?;
    let (account, place) = rest.split_once('@').context("an account")?;
    let (user, password) = account.split_once(':').context("a password")?;
    // From inside the pod, where no network policy is in the way.
    let (store, script) = match scheme {
        "postgres" => {
            let (_, database) = place.split_once('/').context("a database")?;
            let url = format!("postgres://{account}@127.0.0.1:5432/{database}");
            let ask = format!("exec psql -tAc \"SELECT 'let in'\" '{url}'");
            ("postgres", format!("PATH=/usr/lib/postgresql/17/bin:$PATH; {ask}"))
        }
        "redis" | "redis-sentinel" => {
            let url = format!("redis://{account}@127.0.0.1:6379");
            ("redis", format!("redis-cli --no-auth-warning -u '{url}' PING | sed 's/PONG/let in/'"))
        }
        _ => {
            let ask = format!("rabbitmqctl -q authenticate_user '{user}' '{password}' && echo let in");
            ("rabbitmq", format!("PATH=/usr/lib/rabbitmq/bin:/opt/rabbitmq/sbin:$PATH; {ask}"))
        }
    };
    let mut answers = BTreeSet::new();
    for pod in arena.pods(store).await? {
        answers.insert(lets_in(arena, store, &pod.name_any(), &script).await?);
    }
    match Vec::from_iter(answers)[..] {
        [answer] => Ok(answer),
        [] => bail!("{store} has no pod"),
        _ => bail!("not all of {store} say the same"),
    }
}

async fn lets_in(arena: &Arena, store: &str, pod: &str, script: &str) -> Result<bool> {
    let (said, complained) = arena.run_in(pod, store, script).await?;
    // A refusal is in the store's words; anything else means that the test asked in the wrong way.
    let refusals = [
        "authentication failed",
        "not permitted to log in",
        "WRONGPASS",
        "failed to authenticate",
        "AUTH failed",
    ];
    let refused = refusals.iter().any(|r| said.contains(r) || complained.contains(r));
    match said.contains("let in") {
        false if !refused => bail!("{pod} says neither yes nor no: {said} {complained}"),
        answer => Ok(answer),
    }
}

async fn assert_no_job_is_left_over(arena: &Arena) -> Result<()> {
    eventually("only the last provision Job is kept", async || {
        let own = ListParams::default().labels("app.kubernetes.io/name=provision");
        let jobs = arena.api::<Job>().list(&own).await?;
        Ok((jobs.items.len() == 1).then_some(()))
    })
    .await
}
