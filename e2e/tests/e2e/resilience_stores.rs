//! A store that goes away while people work: whoever needs it is told to try again, nobody is left hanging, nothing
//! is lost, and all is well again without anybody's help.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use catalog::STORES;
use e2e::client::Gateway;
use e2e::load::{Call, Kind, Load, Record};
use e2e::record::{Recorder, Seen};
use e2e::{Arena, crash, eventually, scene, status};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use operator::api::OrionPlatform;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_restarts_or_dies_costs_only_a_gap_of_503s_and_no_data() -> Result<()> {
    scene("resilience-stores", async |arena| {
        arena.apply(json!({"exposure": {"nodePort": {}}})).await?;
        arena.until_ready().await?;
        let gateway = Gateway::of(arena).await?;
        let person = json!({
            "email": "ada@example.com", "username": "ada", "password": "correct horse battery staple",
            "firstName": "Ada", "lastName": "Lovelace",
        });
        gateway.post("/api/user/register", None, person).await?.expect(201);
        let load = Load::start(&gateway).await?;
        let writer = load.write(&gateway)?;
        let recorder = Recorder::start(arena).await?;
        for store in STORES {
            is_away(arena, &load, &recorder, store.name, How::Restart).await?;
            is_away(arena, &load, &recorder, store.name, How::Kill).await?;
            let login = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
            gateway.post("/api/auth/login", None, login).await?.expect(200);
        }
        let promised = writer.stop().await?;
        load.stop().await?;
        let kept = promised.check(&gateway).await?;
        ensure!(kept.lost.is_empty(), "acknowledged, and lost:\n{}", kept.lost.join("\n"));
        ensure!(kept.sign_outs > 0, "nothing was acknowledged, so nothing is known");
        println!("{} writes were acknowledged, none is lost", kept.acknowledged());
        Ok(())
    })
    .await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Its pod is deleted, as for a drain or an update.
    Restart,
    /// Its processes are killed where they are.
    Kill,
}

async fn is_away(
    arena: &Arena,
    load: &Load,
    recorder: &Recorder,
    store: &'static str,
    how: How,
) -> Result<()> {
    let what = format!("{store}: {how:?}");
    let before = pods(arena).await?;
    let pod = arena.pods(store).await?.pop().with_context(|| format!("{store} has no pod"))?;
    let (then, seen) = (load.now(), recorder.count());
    match how {
        How::Restart => {
            arena.api::<Pod>().delete(&pod.name_any(), &DeleteParams::default()).await?;
        }
        How::Kill => crash::kill_containers(&pod)?,
    }
    // Between the two there is a moment in which all still looks well.
    eventually(&format!("{what}: the status says that it is degraded, and by what"), async || {
        Ok(recorder.has(seen, |seen| is_degraded_by(seen, store)).then_some(()))
    })
    .await?;
    arena.until(&format!("{what}: all is ready again"), is_healthy).await?;
    load.until_well().await?;
    let record = load.since(then);
    println!("{what}: whole again after {:.1?}; {record}", load.now() - then);
    told_to_try_again(store, &what, &record)?;
    assert_only_it_was_touched(&what, store, how, &before, &pods(arena).await?)
}

/// What nobody waits for may be away without anybody's noticing: events are kept until RabbitMQ is back, and without
/// Redis people go on signing in.
fn told_to_try_again(store: &str, what: &str, record: &Record) -> Result<()> {
    match store {
        "rabbitmq" => record.unharmed(what),
        "redis" => record.only(what, |call| {
            let with_token = matches!(call.kind, Kind::Profile | Kind::Change | Kind::SignOut);
            with_token && call.asks_to_try_again()
        }),
        _ => record.only(what, Call::asks_to_try_again),
    }
}

fn is_degraded_by(seen: &Seen, store: &str) -> bool {
    let conditions = seen.object["status"]["conditions"].as_array();
    seen.kind == "OrionPlatform"
        && conditions.into_iter().flatten().any(|condition| {
            let told = condition["message"].as_str().is_some_and(|message| message.contains(store));
            condition["type"] == "Degraded" && condition["status"] == "True" && told
        })
}

fn is_healthy(platform: &OrionPlatform) -> bool {
    status::is_ready(platform) && !status::is_true(platform, "Degraded")
}

/// Each pod's unit, with its id and how often its containers were started again.
async fn pods(arena: &Arena) -> Result<BTreeMap<String, (String, i32)>> {
    let pods = arena.api::<Pod>().list(&ListParams::default()).await?;
    let all = pods.items.iter().map(|pod| {
        let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let restarts = statuses.map(|status| status.restart_count).sum();
        (pod.name_any(), (pod.uid().unwrap_or_default(), restarts))
    });
    Ok(all.collect())
}

type Pods = BTreeMap<String, (String, i32)>;

/// An operator, or a cluster, that restarts what depends on a store makes an outage of a blip.
fn assert_only_it_was_touched(what: &str, store: &str, how: How, before: &Pods, after: &Pods) -> Result<()> {
    let own = format!("{}-0", catalog::object_name("orion", store));
    let others = |pods: &Pods| {
        pods.iter()
            .filter(|(name, _)| **name != own)
            .map(|(name, pod)| (name.clone(), pod.clone()))
            .collect::<Pods>()
    };
    ensure!(others(before) == others(after), "{what}: before {before:?}, after {after:?}");
    let ((was, restarts), (is, restarts_now)) = (&before[&own], &after[&own]);
    match how {
        How::Restart => ensure!(was != is, "{what}: it is the same pod"),
        How::Kill => {
            ensure!(was == is && restarts_now > restarts, "{what}: before {before:?}, after {after:?}")
        }
    }
    Ok(())
}
