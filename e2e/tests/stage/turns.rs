//! Two operators take turns: the one that ends hands over, the one that stands by is ready for it.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use e2e::stage::stand_in;
use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::runtime::watcher::{Config, Event, watcher};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::chart::{Ground, SYSTEM, chart};

/// Who had the Lease, one after the other; empty when nobody did.
struct Holders {
    seen: Arc<Mutex<Vec<String>>>,
    watch: JoinHandle<()>,
}

impl Holders {
    fn of(leases: Api<Lease>) -> Holders {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let watch = tokio::spawn(async move {
            let mut events = Box::pin(watcher(leases, Config::default().fields("metadata.name=orion")));
            while let Some(event) = events.next().await {
                let Ok(Event::Apply(lease) | Event::InitApply(lease)) = event else { continue };
                let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
                if let Ok(mut kept) = kept.lock()
                    && kept.last() != Some(&holder)
                {
                    kept.push(holder);
                }
            }
        });
        Holders { seen, watch }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().map(|seen| seen.clone()).unwrap_or_default()
    }

    /// The one that has it now, if it is not one of these.
    async fn next(&self, what: &str, not: &[&String]) -> Result<String> {
        e2e::eventually(what, async || {
            let last = self.seen().pop().filter(|holder| !holder.is_empty());
            Ok(last.filter(|holder| !not.contains(&holder)))
        })
        .await
    }
}

impl Drop for Holders {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_ends_hands_over_to_the_one_that_stands_by() -> Result<()> {
    let ground = Ground::new("turns").await?;
    ground.helm(&chart(), SYSTEM, "log=info").await?;
    let _nodes = stand_in(ground.client.clone()).await?;
    let holders = Holders::of(Api::namespaced(ground.client.clone(), SYSTEM));
    let first = ground.operator(SYSTEM, &[]).await?;
    let leader = holders.next("the first leads", &[]).await?;
    let second = ground.operator(SYSTEM, &[]).await?;

    let place = ground.place(SYSTEM);
    place.apply(json!({})).await?;
    place.until("it is begun", |p| p.status.as_ref().is_some_and(|s| s.phase.is_some())).await?;
    // In the middle of an install.
    first.end().await?;
    let heir = holders.next("the second leads", &[&leader]).await?;
    place.until_ready().await?;

    // A third comes before the second goes, as in a rollout.
    let third = ground.operator(SYSTEM, &[]).await?;
    place.edit(json!({"services": [{"name": "user", "replicas": 2}]})).await?;
    second.end().await?;
    let last = holders.next("the third leads", &[&leader, &heir]).await?;
    let ready = place.until_ready().await?;
    assert_eq!(e2e::status::unit(&ready, "user").map(|unit| unit.desired), Some(2));
    third.end().await?;

    // Each let go of it before the next one had it: nobody waited for it to run out.
    let nobody = String::new();
    e2e::eventually("the last has let go", async || {
        Ok(holders.seen().ends_with(std::slice::from_ref(&nobody)).then_some(()))
    })
    .await?;
    let seen = holders.seen();
    let first_led = seen.iter().position(|holder| *holder == leader).context("the first led")?;
    assert_eq!(seen[first_led..], [leader, nobody.clone(), heir, nobody.clone(), last, nobody]);
    Ok(())
}
