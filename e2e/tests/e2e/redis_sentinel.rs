//! Redis by Sentinel on real nodes, with people at work: its master is lost, its pods are replaced, their number grows,
//! the accounts on them are replaced, and they go. Whoever needs Redis meanwhile is told to try again, and whoever was
//! shut out stays out all the time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::client::{Answer, Gateway};
use e2e::load::{Call, Kind, Load, Outcome};
use e2e::record::Recorder;
use e2e::{Arena, crash, eventually, scene, status};
use k8s_openapi::api::core::v1::{Pod, ResourceQuota, ResourceQuotaSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams};
use operator::api::OrionPlatform;
use operator::rotation::ROTATE;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::operator_delete::{assert_left, claims, delete, volumes};
use crate::operator_rotate::{credentials, finished, refused};

const PASSWORD: &str = "correct horse battery staple";
/// Between two attempts of somebody who was shut out.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_master_costs_only_a_gap_of_503s_and_whoever_was_shut_out_stays_out() -> Result<()> {
    scene("redis-sentinel", async |arena| {
        let recorder = Recorder::start(arena).await?;
        arena.apply(spec(3)).await?;
        arena.until_ready().await?;
        all_follow_one(arena, 3).await?;
        let gateway = Gateway::of(arena).await?;
        let outcast = Outcast::of(&gateway, "mallory").await?;
        let load = Load::start(&gateway).await?;
        the_master_is_lost(arena, &gateway, &load).await?;
        all_pods_are_replaced(arena, &load).await?;
        load.stop().await?;
        println!("redis-sentinel: who was shut out asked {} times", outcast.gives_up().await?);

        arena.edit(json!({"deletionPolicy": "Delete"})).await?;
        delete(arena, &DeleteParams::background()).await?;
        assert_left(&recorder.seen(), &[]);
        eventually("the volumes are gone", async || Ok(volumes(arena).await?.is_empty().then_some(()))).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_become_five_accounts_are_replaced_on_each_and_three_take_up_what_five_left() -> Result<()> {
    scene("redis-sentinel-five", async |arena| {
        let recorder = Recorder::start(arena).await?;
        arena.apply(spec(3)).await?;
        arena.until_ready().await?;
        let gateway = Gateway::of(arena).await?;
        let outcast = Outcast::of(&gateway, "mallory").await?;
        let load = Load::start(&gateway).await?;

        let then = load.now();
        arena.edit(json!({"redis": {"sentinel": {"instances": 5}}})).await?;
        arena.until("five are ready", is_healthy).await?;
        all_follow_one(arena, 5).await?;
        load.until_well().await?;
        let record = load.since(then);
        println!("three become five: {:.1?}; {record}", load.now() - then);
        record.only("three become five", needs_redis)?;

        let (former, pods, then) = (credentials(arena).await?, uids(arena).await?, load.now());
        arena.annotate(ROTATE, Some("first")).await?;
        finished(arena, None).await?;
        let record = load.since(then);
        println!("accounts are replaced on five: {:.1?}; {record}", load.now() - then);
        // That nobody loses a request is tried where the machine has less to do (operator_rotate).
        record.only("accounts are replaced", Call::asks_to_try_again)?;
        assert_eq!(uids(arena).await?, pods, "Redis takes other accounts without a restart");
        assert_eq!(refused(arena, &former).await?, Vec::from_iter(former.keys().cloned()));
        assert_eq!(refused(arena, &credentials(arena).await?).await?, Vec::<String>::new());
        load.stop().await?;
        outcast.gives_up().await?;

        // As much as three need is there for a platform of the same name, and more.
        let claims = claims(arena).await?;
        delete(arena, &DeleteParams::background()).await?;
        assert_left(&recorder.seen(), &["PersistentVolumeClaim", "Secret"]);
        arena.apply(spec(3)).await?;
        arena.until_ready().await?;
        all_follow_one(arena, 3).await?;
        assert_eq!(self::claims(arena).await?, claims);
        login(&Gateway::of(arena).await?, "mallory").await?.expect(200);
        Ok(())
    })
    .await
}

fn spec(instances: i32) -> Value {
    json!({"redis": {"sentinel": {"instances": instances}}, "exposure": {"nodePort": {}}, "networkPolicies": {}})
}

fn is_healthy(platform: &OrionPlatform) -> bool {
    status::is_ready(platform) && !status::is_true(platform, "Degraded")
}

/// Whether a token was revoked can't be told for a while; people sign in and refresh all the same. A connection that was
/// kept may have been closed meanwhile, on a machine with too much to do.
fn needs_redis(call: &Call) -> bool {
    let closed = matches!(&call.outcome, Outcome::Broken(why) if call.kept && why.contains("reset by peer"));
    closed || call.kind == Kind::Profile && call.asks_to_try_again()
}

/// Its pod is gone, processes and all, and comes back only after another leads.
async fn the_master_is_lost(arena: &Arena, gateway: &Gateway, load: &Load) -> Result<()> {
    let lost = master(arena).await?.context("no master")?;
    let pod = arena.api::<Pod>().get(&lost).await?;
    let access = login(gateway, "mallory").await?.expect(200).text_at("/access_token").to_owned();
    no_new_pods(arena).await?;
    let then = load.now();
    crash::kill_containers(&pod)?;
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    arena.api::<Pod>().delete(&lost, &now).await?;
    let told = arena.until("the status says that it is degraded", |p| status::is_true(p, "Degraded")).await?;
    println!("{}", status::condition(&told, "Degraded").map_or("", |degraded| &degraded.message));
    eventually("another leads", async || Ok(master(arena).await?.filter(|next| *next != lost).map(drop)))
        .await?;
    let elected = load.now() - then;
    // Somebody is shut out as soon as it can be asked for.
    eventually("a session is ended", async || {
        let answer = gateway.post("/api/auth/logout", Some(&access), json!({})).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    load.until_well().await?;
    println!("the master is lost: another leads after {elected:.1?}; {}", load.since(then));
    arena.api::<ResourceQuota>().delete("no-new-pods", &DeleteParams::default()).await?;
    arena.until("all is ready again", is_healthy).await?;
    let whole = load.now() - then;
    all_follow_one(arena, 3).await?;
    ensure!(master(arena).await?.as_ref() != Some(&lost), "{lost} leads again");
    load.until_well().await?;
    let record = load.since(then);
    println!("the master is lost and comes back: whole again after {whole:.1?}; {record}");
    record.only("the master is lost", needs_redis)?;
    gateway.get("/api/user/profile", Some(&access)).await?.expect(401);
    Ok(())
}

/// One after the other, by a change of what they are given.
async fn all_pods_are_replaced(arena: &Arena, load: &Load) -> Result<()> {
    let (before, then) = (uids(arena).await?, load.now());
    arena.edit(json!({"redis": {"sentinel": {"resources": {"limits": {"memory": "320Mi"}}}}})).await?;
    arena.until("all are replaced", is_healthy).await?;
    all_follow_one(arena, 3).await?;
    ensure!(before.is_disjoint(&uids(arena).await?), "a pod was left as it was");
    load.until_well().await?;
    let record = load.since(then);
    println!("all pods are replaced: {:.1?}; {record}", load.now() - then);
    record.only("all pods are replaced", needs_redis)
}

async fn uids(arena: &Arena) -> Result<BTreeSet<String>> {
    Ok(arena.pods("redis").await?.iter().filter_map(ResourceExt::uid).collect())
}

/// A pod that is away for less than 5 s is no loss to the others: nothing takes its place until this goes.
async fn no_new_pods(arena: &Arena) -> Result<()> {
    let mut quota = ResourceQuota::default();
    quota.metadata.name = Some("no-new-pods".to_owned());
    let none = [("pods".to_owned(), Quantity("0".to_owned()))];
    quota.spec = Some(ResourceQuotaSpec { hard: Some(none.into()), ..ResourceQuotaSpec::default() });
    let quotas = arena.api::<ResourceQuota>();
    quotas.create(&PostParams::default(), &quota).await?;
    eventually("the quota counts", async || {
        let status = quotas.get("no-new-pods").await?.status;
        Ok(status.and_then(|status| status.used).filter(|used| !used.is_empty()).map(drop))
    })
    .await
}

/// The pod that all Sentinels take for the master; None while they don't agree.
async fn master(arena: &Arena) -> Result<Option<String>> {
    let ask = "redis-cli -p 26379 sentinel get-master-addr-by-name orion";
    let mut named = BTreeSet::new();
    for pod in arena.pods("redis").await? {
        let (said, _) = arena.run_in(&pod.name_any(), "sentinel", ask).await?;
        named.insert(said.lines().next().and_then(|name| name.split('.').next()).map(str::to_owned));
    }
    match Vec::from_iter(named).as_slice() {
        [Some(one)] => Ok(Some(one.clone())),
        _ => Ok(None),
    }
}

/// One master with all others behind it, and every Sentinel knows all of it.
async fn all_follow_one(arena: &Arena, instances: usize) -> Result<()> {
    let role = "REDISCLI_AUTH=$(cat /run/orion/admin/password) redis-cli --user admin --no-auth-warning role";
    let knows = "export REDISCLI_AUTH=$(cat /run/orion/admin/sentinel-password)
        redis-cli --user sentinel --no-auth-warning -p 26379 sentinel master orion | paste - -";
    let others = instances - 1;
    eventually(&format!("all {instances} follow one"), async || {
        let leads = master(arena).await?.context("the Sentinels don't agree")?;
        let pods = arena.pods("redis").await?;
        ensure!(pods.len() == instances, "there are {} pods", pods.len());
        for pod in pods.iter().map(ResourceExt::name_any) {
            let (said, complained) = arena.run_in(&pod, "redis", role).await?;
            let lines: Vec<&str> = said.lines().collect();
            let as_it_should = match lines.as_slice() {
                ["master", _, replicas @ ..] => pod == leads && replicas.len() == 3 * others,
                ["slave", of, "6379", "connected", _] => of.split('.').next() == Some(leads.as_str()),
                _ => false,
            };
            ensure!(as_it_should, "{leads} leads, {pod} says: {said} {complained}");
            let (known, _) = arena.run_in(&pod, "sentinel", knows).await?;
            let expected = [
                "flags\tmaster".to_owned(),
                format!("num-slaves\t{others}"),
                format!("num-other-sentinels\t{others}"),
                format!("quorum\t{}", instances / 2 + 1),
            ];
            let lacks = expected.iter().find(|line| !known.lines().any(|said| said == line.as_str()));
            ensure!(lacks.is_none(), "the Sentinel of {pod} doesn't say {lacks:?}: {known}");
        }
        Ok(Some(()))
    })
    .await
}

async fn login(gateway: &Gateway, name: &str) -> Result<Answer> {
    let right = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
    gateway.post("/api/auth/login", None, right).await
}

/// Somebody with a token of a session that has ended, who tries it again and again.
struct Outcast {
    tries: JoinHandle<Result<usize>>,
    enough: Arc<AtomicBool>,
}

impl Outcast {
    async fn of(gateway: &Gateway, name: &str) -> Result<Outcast> {
        let person = json!({
            "email": format!("{name}@example.com"), "username": name, "password": PASSWORD,
            "firstName": name, "lastName": "Lovelace",
        });
        gateway.post("/api/user/register", None, person).await?.expect(201);
        let access = login(gateway, name).await?.expect(200).text_at("/access_token").to_owned();
        let gateway = gateway.clone();
        eventually("the token is good at first", async || {
            Ok((gateway.get("/api/user/profile", Some(&access)).await?.status == 200).then_some(()))
        })
        .await?;
        gateway.post("/api/auth/logout", Some(&access), json!({})).await?.expect(200);
        gateway.get("/api/user/profile", Some(&access)).await?.expect(401);
        let enough = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&enough);
        Ok(Outcast { tries: tokio::spawn(async move { try_on(&gateway, &access, &stop).await }), enough })
    }

    /// How often it was tried, if it was in vain each time.
    async fn gives_up(self) -> Result<usize> {
        self.enough.store(true, Ordering::Relaxed);
        self.tries.await.context("the outcast")?
    }
}

async fn try_on(gateway: &Gateway, access: &str, enough: &AtomicBool) -> Result<usize> {
    let mut tries = 0;
    loop {
        let last = enough.load(Ordering::Relaxed);
        let answer = gateway.get("/api/user/profile", Some(access)).await?;
        match answer.status.as_u16() {
            401 => {}
            503 if !last => {}
            status => bail!("try {tries} with a revoked token: {status} {}", answer.text),
        }
        tries += 1;
        if last {
            return Ok(tries);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
