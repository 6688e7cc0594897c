//! The one node of a stage, which is nothing but its word: it is ready and has room for everything, so that pods are
//! placed and volumes are made. A node that is silent for long would be emptied.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

const NAME: &str = "stage";
/// As a kubelet does.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Joins the cluster, and stays.
pub(crate) async fn join(client: Client) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let labels = json!({"kubernetes.io/hostname": NAME, "kubernetes.io/os": "linux"});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME, "labels": labels}});
    nodes.create(&PostParams::default(), &serde_json::from_value(node)?).await.context("make the node")?;
    let room = json!({"cpu": "100k", "memory": "100Ti", "pods": "100k", "ephemeral-storage": "100Ti"});
    let condition = |kind: &str, status: &str| {
        let now = Timestamp::now().to_string();
        json!({
            "type": kind, "status": status, "reason": "Stage", "message": "",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let pressures = ["MemoryPressure", "DiskPressure", "PIDPressure"].map(|kind| condition(kind, "False"));
    let conditions: Vec<_> = std::iter::once(condition("Ready", "True")).chain(pressures).collect();
    let status = json!({"status": {"capacity": room, "allocatable": room, "conditions": conditions}});
    nodes
        .patch_status(NAME, &PatchParams::default(), &Patch::Merge(status))
        .await
        .context("say that the node is ready")?;
    let leases: Api<Lease> = Api::namespaced(client, "kube-node-lease");
    tokio::spawn(async move {
        loop {
            let lease = json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NAME},
                "spec": {
                    "holderIdentity": NAME, "leaseDurationSeconds": 40,
                    "renewTime": format!("{:.6}", Timestamp::now()),
                },
            });
            let params = PatchParams::apply("stage").force();
            if let Err(error) = leases.patch(NAME, &params, &Patch::Apply(lease)).await {
                eprintln!("stage: the node's lease: {error}");
            }
            tokio::time::sleep(HEARTBEAT).await;
        }
    });
    Ok(())
}
