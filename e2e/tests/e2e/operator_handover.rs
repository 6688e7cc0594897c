//! Two replicas of the operator, rolled as people roll a Deployment: the one that stands by takes over at once.

use anyhow::{Context, Result};
use e2e::arena::OPERATOR;
use e2e::{Arena, eventually, scene, tools};
use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{WatchEvent, WatchParams};
use serde_json::json;
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_of_two_operators_hands_the_lead_over_and_the_platform_goes_on() -> Result<()> {
    scene("operator-handover", async |arena| {
        two_replicas(arena).await?;
        arena.apply(json!({})).await?;
        arena.until_ready().await?;
        let holders = holders(arena).await?;
        let deployment = format!("deployment/{OPERATOR}");
        let namespaced = ["-n", arena.namespace.as_str()];
        for step in
            [&["rollout", "restart", &deployment][..], &["rollout", "status", &deployment, "--timeout=180s"]]
        {
            tools::kubectl(&arena.ground.cluster, &[step, &namespaced[..]].concat()).await?;
        }
        arena.edit(json!({"services": [{"name": "user", "replicas": 2}]})).await?;
        arena.until_ready().await?;
        let seen = holders.lock().map(|seen| seen.clone()).unwrap_or_default();
        assert!(seen.len() >= 2, "the lead was never handed over: {seen:?}");
        // One that waited for the Lease to run out would follow upon another.
        let mut pairs = seen.iter().zip(seen.iter().skip(1));
        assert!(pairs.all(|(a, b)| a.is_empty() != b.is_empty()), "not handed over but lost: {seen:?}");
        Ok(())
    })
    .await
}

async fn two_replicas(arena: &Arena) -> Result<()> {
    let chart = e2e::ground::root().join("charts/orion-operator").display().to_string();
    let set = ["--reuse-values", "--set", "replicas=2", "--wait", "--timeout", "180s"];
    let upgrade = ["upgrade", OPERATOR, &chart, "-n", &arena.namespace];
    tools::helm(&arena.ground.cluster, &[&upgrade[..], &set[..]].concat()).await?;
    eventually("both are counted by the budget", async || {
        let now = arena.api::<PodDisruptionBudget>().get(OPERATOR).await?;
        let status = now.status.context("the budget has a status")?;
        Ok((status.expected_pods == Some(2) && status.disruptions_allowed == Some(1)).then_some(()))
    })
    .await
}

/// From now on, who has the Lease, one after the other; empty when nobody has.
async fn holders(arena: &Arena) -> Result<Arc<Mutex<Vec<String>>>> {
    let api = arena.api::<Lease>();
    let now = api.get(OPERATOR).await?;
    let holder =
        |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
    let seen = Arc::new(Mutex::new(vec![holder(&now)]));
    let (kept, version) = (Arc::clone(&seen), now.metadata.resource_version.unwrap_or_default());
    let params = WatchParams::default().fields(&format!("metadata.name={OPERATOR}")).timeout(290);
    let mut changes = Box::pin(api.watch(&params, &version).await?);
    tokio::spawn(async move {
        while let Some(Ok(WatchEvent::Added(lease) | WatchEvent::Modified(lease))) = changes.next().await {
            let now = holder(&lease);
            if let Ok(mut kept) = kept.lock()
                && kept.last() != Some(&now)
            {
                kept.push(now);
            }
        }
    });
    Ok(seen)
}
