//! Once a platform is ready and nobody touches it, its operator writes nothing but its Lease and lists nothing.

use std::time::Duration;

use anyhow::Result;
use e2e::audit::{Request, requests, service_account};
use e2e::{Arena, eventually, scene};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

/// How long it is watched.
const WINDOW: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn in_a_steady_state_nothing_is_written_but_the_lease_and_nothing_is_listed() -> Result<()> {
    scene("operator-steady", async |arena| {
        arena.apply(json!({})).await?;
        arena.until_ready().await?;
        let since = settled(arena).await?;
        tokio::time::sleep(WINDOW).await;
        let asked = of_operator(arena, since)?;
        let lease = |request: &&Request| request.resource() == "leases";
        let loud = |request: &&Request| !lease(request) && (request.writes() || request.verb == "list");
        let told: Vec<String> = asked.iter().filter(loud).map(Request::told).collect();
        assert!(told.is_empty(), "in a steady state the operator asked\n{}", told.join("\n"));
        assert!(
            asked.iter().any(|request| lease(&request)),
            "the audit log has nothing of the operator: {asked:?}"
        );
        Ok(())
    })
    .await
}

/// Ready comes first, the last pod's last word a little later: steady is when nothing was written for a while.
async fn settled(arena: &Arena) -> Result<Timestamp> {
    let quiet = Duration::from_secs(15);
    eventually("the operator has nothing left to write", async || {
        let now = Timestamp::now();
        let recent = of_operator(arena, now - quiet)?;
        let busy = recent.iter().any(|request| request.writes() && request.resource() != "leases");
        Ok((!busy).then_some(now))
    })
    .await
}

fn of_operator(arena: &Arena, since: Timestamp) -> Result<Vec<Request>> {
    requests(&arena.ground.cluster, &service_account(&arena.namespace, e2e::arena::OPERATOR), since)
}
