//! A machine that is gone from one moment to the next, on a cluster of its own: the status names it, what ran there
//! comes back elsewhere, and what has a second pod is missed only until the cluster knows.

use anyhow::{Context, Result};
use e2e::client::Gateway;
use e2e::load::{Call, Load, Outcome};
use e2e::record::{Recorder, Seen};
use e2e::{Arena, eventually, scene_apart, status};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use operator::api::OrionPlatform;
use serde_json::{Value, json};

/// Has the stores, with their volumes.
const HOME: &str = "n1";
/// Is lost.
const AWAY: &str = "n2";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_lost_is_named_and_what_ran_there_comes_back_elsewhere() -> Result<()> {
    scene_apart("resilience-node", 1, async |arena| {
        arena.apply(spec(json!([{"name": "gateway", "replicas": 2}]))).await?;
        arena.until_ready().await?;
        arena.ground.cluster.add_node(AWAY).await?;
        for (service, stay) in [("auth", 0), ("user", 0), ("gateway", 1)] {
            move_away(arena, service, stay).await?;
        }
        arena.until_ready().await?;
        let gateway = Gateway::of(arena).await?;

        with_the_only_pod_of_a_service(arena, &gateway).await?;
        arena.ground.cluster.add_node(AWAY).await?;
        all_is_settled(arena).await?;

        // One pod here and one there of everything that is on the way of a request.
        let two = |name: &str| json!({"name": name, "replicas": 2});
        arena.edit(json!({"services": [two("auth"), two("user"), two("gateway")]})).await?;
        arena.until_ready().await?;
        for service in ["auth", "user", "gateway"] {
            move_away(arena, service, 1).await?;
        }
        arena.until_ready().await?;
        with_a_second_pod_of_each(arena, &gateway).await
    })
    .await
}

fn spec(services: Value) -> Value {
    json!({"exposure": {"nodePort": {}}, "services": services})
}

async fn with_the_only_pod_of_a_service(arena: &Arena, gateway: &Gateway) -> Result<()> {
    let load = Load::start(gateway).await?;
    let recorder = Recorder::start(arena).await?;
    let stores = uids(arena, &["postgres", "redis", "rabbitmq"]).await?;
    let then = load.now();
    arena.ground.cluster.lose_node(AWAY).await?;
    eventually("the status says that it is degraded, and which node is gone", async || {
        Ok(recorder.has(0, names_the_node).then_some(()))
    })
    .await?;
    let named = load.now() - then;
    arena.until("the services are back elsewhere", is_healthy).await?;
    load.until_well().await?;
    let (whole, record) = (load.now() - then, load.stop().await?);
    println!(
        "a node lost with the only auth and user: named after {named:.1?}, whole after {whole:.1?}; {record}"
    );
    record.only("a node is lost", fails_as_a_lost_node_lets_it)?;
    assert_eq!(uids(arena, &["postgres", "redis", "rabbitmq"]).await?, stores, "the stores were left alone");
    Ok(())
}

async fn with_a_second_pod_of_each(arena: &Arena, gateway: &Gateway) -> Result<()> {
    let load = Load::start(gateway).await?;
    let then = load.now();
    arena.ground.cluster.lose_node(AWAY).await?;
    arena.until("the status says that it is degraded", |p| status::is_true(p, "Degraded")).await?;
    load.until_well().await?;
    arena.until("all pods are there again", is_healthy).await?;
    let (whole, record) = (load.now() - then, load.stop().await?);
    println!("a node lost with one of two pods of each service: whole after {whole:.1?}; {record}");
    record.only("a node is lost", fails_as_a_lost_node_lets_it)
}

/// Until the cluster knows of the loss it sends requests there: those have no answer, or one that says to try again.
/// What the platform itself answers is never an error of its own.
fn fails_as_a_lost_node_lets_it(call: &Call) -> bool {
    match &call.outcome {
        Outcome::Good | Outcome::Broken(_) => true,
        Outcome::Refused { status, retry_after, problem, .. } => {
            matches!(status, 502..=504) && retry_after.is_some() && *problem
        }
    }
}

fn names_the_node(seen: &Seen) -> bool {
    let conditions = seen.object["status"]["conditions"].as_array();
    seen.kind == "OrionPlatform"
        && conditions.into_iter().flatten().any(|condition| {
            let message = condition["message"].as_str().unwrap_or_default();
            condition["type"] == "Degraded"
                && condition["status"] == "True"
                && message.contains(&format!("node {AWAY} does not answer"))
        })
}

fn is_healthy(platform: &OrionPlatform) -> bool {
    status::is_ready(platform) && !status::is_true(platform, "Degraded")
}

/// Lets all but so many pods of a service go, and has the new ones made on the other node.
async fn move_away(arena: &Arena, service: &str, stay: usize) -> Result<()> {
    schedulable(&arena.client, HOME, false).await?;
    let pods = arena.api::<Pod>();
    let here: Vec<Pod> = arena.pods(service).await?.into_iter().filter(|pod| is_on(pod, HOME)).collect();
    for pod in here.iter().skip(stay) {
        pods.delete(&pod.name_any(), &DeleteParams::default()).await?;
    }
    eventually(&format!("{service} runs where it is to run"), async || {
        let pods = arena.pods(service).await?;
        let there = pods.iter().any(|pod| is_on(pod, AWAY) && is_ready(pod));
        let here = pods.iter().filter(|pod| is_on(pod, HOME)).count();
        Ok((there && here == stay).then_some(()))
    })
    .await?;
    schedulable(&arena.client, HOME, true).await
}

async fn schedulable(client: &Client, node: &str, is: bool) -> Result<()> {
    let patch = Patch::Merge(json!({"spec": {"unschedulable": !is}}));
    Api::<Node>::all(client.clone()).patch(node, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// The node is back with nothing on it: what was bound to its predecessor is gone, and nothing else is missing.
async fn all_is_settled(arena: &Arena) -> Result<()> {
    eventually("no pod is left of the lost node", async || {
        let pods = arena.api::<Pod>().list(&ListParams::default()).await?;
        let leaving = pods.items.iter().any(|pod| pod.metadata.deletion_timestamp.is_some());
        Ok((!leaving).then_some(()))
    })
    .await?;
    arena.until("all is well", is_healthy).await.map(drop)
}

async fn uids(arena: &Arena, units: &[&str]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for unit in units {
        let pod = arena.pods(unit).await?.pop().with_context(|| format!("{unit} has no pod"))?;
        all.push(pod.uid().unwrap_or_default());
    }
    Ok(all)
}

fn is_on(pod: &Pod, node: &str) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}
