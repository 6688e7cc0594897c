//! Stands for a kubelet: it says of every pod on the node what a kubelet would say, as the test wants it, and lets go of
//! those that are deleted. Everything above is Kubernetes' own: its scheduler and its controllers.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

/// What becomes of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It gets ready, or, of a Job, does its work.
    Ready,
    /// It never starts.
    Nothing,
    /// Its container ends, again and again, and says this.
    Crashes(&'static str),
}

/// Says what becomes of a pod of a unit, which runs this image.
pub type Policy = Arc<dyn Fn(&str, &str) -> Fate + Send + Sync>;

#[derive(Clone)]
pub struct Actor {
    client: Client,
    policies: Arc<Mutex<HashMap<String, Policy>>>,
}

impl Actor {
    /// Starts to look after the pods of all namespaces.
    pub(crate) fn start(client: Client) -> Actor {
        let actor = Actor { client, policies: Arc::default() };
        let watching = actor.clone();
        tokio::spawn(async move {
            let pods: Api<Pod> = Api::all(watching.client.clone());
            let mut events = pin!(watcher(pods, Config::default()).default_backoff());
            while let Some(event) = events.next().await {
                if let Ok(Event::Apply(pod) | Event::InitApply(pod)) = event {
                    tokio::spawn(act(watching.clone(), pod));
                }
            }
        });
        actor
    }

    /// From now on, this becomes of the pods in a namespace; those that are there, too.
    pub(crate) async fn follow(&self, client: &Client, namespace: &str, policy: Policy) -> kube::Result<()> {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner).insert(namespace.to_owned(), policy);
        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        for pod in pods.list(&ListParams::default()).await? {
            act(Actor { client: client.clone(), policies: Arc::clone(&self.policies) }, pod).await;
        }
        Ok(())
    }

    fn fate(&self, pod: &Pod) -> Fate {
        let policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(policy) = pod.namespace().and_then(|namespace| policies.get(&namespace).cloned()) else {
            return Fate::Ready;
        };
        drop(policies);
        let unit = pod.labels().get("app.kubernetes.io/name").cloned().unwrap_or_default();
        let image = pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.clone());
        policy(&unit, &image.unwrap_or_default())
    }
}

async fn act(actor: Actor, pod: Pod) {
    if pod.spec.as_ref().is_none_or(|spec| spec.node_name.is_none()) {
        return;
    }
    let pods: Api<Pod> = Api::namespaced(actor.client.clone(), &pod.namespace().unwrap_or_default());
    if pod.metadata.deletion_timestamp.is_some() {
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        let _ = pods.delete(&pod.name_any(), &now).await;
        return;
    }
    let status = status(&pod, &actor.fate(&pod));
    if is_so(&pod, &status) {
        return;
    }
    let patch = Patch::Strategic(json!({"status": status}));
    // It may be gone by now.
    let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch).await;
}

/// What a kubelet would say.
fn status(pod: &Pod, fate: &Fate) -> Value {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let of_a_job = pod.owner_references().iter().any(|owner| owner.kind == "Job");
    let (phase, ready) = match fate {
        Fate::Ready if of_a_job => ("Succeeded", false),
        Fate::Ready => ("Running", true),
        Fate::Nothing => ("Pending", false),
        Fate::Crashes(_) => ("Running", false),
    };
    let state = || match fate {
        Fate::Ready if of_a_job => json!({"terminated": {"exitCode": 0, "reason": "Completed"}}),
        Fate::Ready => json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
        Fate::Nothing => json!({"waiting": {"reason": "ContainerCreating"}}),
        Fate::Crashes(_) => json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}),
    };
    let last = || match fate {
        Fate::Crashes(said) => json!({"terminated": {"exitCode": 1, "reason": "Error", "message": said}}),
        _ => json!({}),
    };
    let containers = containers.map(|container| {
        json!({
            "name": container.name, "image": container.image, "imageID": "", "ready": ready, "started": ready,
            "restartCount": 0, "state": state(), "lastState": last(),
        })
    });
    let condition = |kind: &str| json!({"type": kind, "status": if ready { "True" } else { "False" }});
    json!({
        "phase": phase,
        "conditions": [condition("Ready"), condition("ContainersReady")],
        "containerStatuses": containers.collect::<Vec<_>>(),
    })
}

fn is_so(pod: &Pod, status: &Value) -> bool {
    let there = serde_json::to_value(&pod.status).unwrap_or_default();
    let ready = |status: &Value| {
        let conditions = status["conditions"].as_array().into_iter().flatten();
        conditions.clone().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    let states = |status: &Value| {
        let all = status["containerStatuses"].as_array().into_iter().flatten();
        all.map(|c| c["state"].as_object().and_then(|state| state.keys().next().cloned())).collect::<Vec<_>>()
    };
    there["phase"] == status["phase"] && ready(&there) == ready(status) && states(&there) == states(status)
}
