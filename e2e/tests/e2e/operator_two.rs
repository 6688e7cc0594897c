//! Two releases of the chart in one namespace, each for a namespace of its own, don't take turns: both work.

use anyhow::Result;
use e2e::arena::OPERATOR;
use e2e::{Arena, eventually, scene, tools};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};

const SECOND: &str = "second";
const ELSEWHERE: &str = "two-releases-elsewhere";

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_in_one_namespace_lead_side_by_side() -> Result<()> {
    scene("two-releases", async |arena| {
        leads(arena, OPERATOR).await?;
        let namespaces: Api<Namespace> = Api::all(arena.client.clone());
        let metadata = ObjectMeta { name: Some(ELSEWHERE.to_owned()), ..ObjectMeta::default() };
        let elsewhere = Namespace { metadata, ..Namespace::default() };
        namespaces.create(&PostParams::default(), &elsewhere).await?;
        let chart = e2e::ground::root().join("charts/orion-operator").display().to_string();
        let watch = format!("crds.install=false,watch.namespace={ELSEWHERE}");
        let install = ["install", SECOND, &chart, "-n", &arena.namespace, "--set", &watch, "--wait"];
        tools::helm(&arena.ground.cluster, &install).await?;
        leads(arena, SECOND).await?;
        leads(arena, OPERATOR).await?;
        namespaces.delete(ELSEWHERE, &DeleteParams::default()).await?;
        Ok(())
    })
    .await
}

/// A pod of this release holds the release's own Lease.
async fn leads(arena: &Arena, release: &str) -> Result<()> {
    eventually(&format!("{release} leads"), async || {
        let lease = arena.api::<Lease>().get_opt(release).await?;
        let holder = lease.and_then(|lease| lease.spec).and_then(|spec| spec.holder_identity);
        Ok(holder.is_some_and(|holder| holder.starts_with(&format!("{release}-"))).then_some(()))
    })
    .await
}
