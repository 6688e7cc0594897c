//! `orion support-bundle`: what somebody needs who helps. Secrets are never read, so none can be in it.

use super::bundle::Bundle;
use crate::args::SupportBundle;
use crate::problem::explain;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim, Pod, Service};
use kube::api::{ListParams, LogParams};
use kube::{Api, Resource, ResourceExt};
use operator::revision::HASH_LABEL;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

const PLATFORM: &str = "app.kubernetes.io/part-of=orion";
const OPERATOR: &str = "app.kubernetes.io/component=operator,app.kubernetes.io/name=orion-operator";
/// Of each log.
const MOST_BYTES: i64 = 1 << 20;

pub(crate) async fn run(session: &Session, options: &SupportBundle, screen: &mut Screen<'_>) -> Result<()> {
    let mut bundle = Bundle::default();
    bundle.objects("platforms", json!(session.platforms().await?));
    let namespace = session.namespace.as_str();
    gather::<Event>(session, namespace, "", "events", &mut bundle).await;
    gather::<Deployment>(session, namespace, PLATFORM, "deployments", &mut bundle).await;
    gather::<StatefulSet>(session, namespace, PLATFORM, "statefulsets", &mut bundle).await;
    gather::<Job>(session, namespace, PLATFORM, "jobs", &mut bundle).await;
    gather::<Service>(session, namespace, PLATFORM, "services", &mut bundle).await;
    gather::<PersistentVolumeClaim>(session, namespace, PLATFORM, "volumeclaims", &mut bundle).await;
    gather::<ControllerRevision>(session, namespace, HASH_LABEL, "revisions", &mut bundle).await;
    let operators = options.operator_namespace.as_deref().unwrap_or(namespace);
    gather::<Deployment>(session, operators, OPERATOR, "operator-deployments", &mut bundle).await;
    let mut pods = gather::<Pod>(session, operators, OPERATOR, "operator-pods", &mut bundle).await;
    pods.extend(gather::<Pod>(session, namespace, PLATFORM, "pods", &mut bundle).await);
    for pod in &pods {
        logs(session, pod, i64::from(options.tail), &mut bundle).await;
    }
    let default = || PathBuf::from(format!("orion-support-{namespace}.tar.gz"));
    let path = options.output.clone().unwrap_or_else(default);
    let (files, missing) = bundle.count();
    let written = || format!("can't write {}: choose another file with -o", path.display());
    // For its owner alone: logs may tell more than anybody should know.
    let mut open = std::fs::OpenOptions::new();
    let file = open.write(true).create(true).truncate(true).mode(0o600).open(&path).with_context(written)?;
    bundle.pack(file, u64::try_from(Timestamp::now().as_second()).unwrap_or(0)).with_context(written)?;
    let missing = if missing == 0 {
        String::new()
    } else {
        format!("; {missing} could not be had, see missing.txt in it")
    };
    screen.say(&format!("{}: {files} files{missing}", path.display()))?;
    Ok(())
}

/// Adds the objects; one kind that can't be read does not keep the others out.
async fn gather<K>(
    session: &Session,
    namespace: &str,
    labels: &str,
    name: &str,
    bundle: &mut Bundle,
) -> Vec<K>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(session.client.clone(), namespace);
    match api.list(&ListParams::default().labels(labels)).await {
        Ok(listed) => {
            let mut objects = json!(listed.items);
            for object in objects.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                // A revision's content; nothing else has it.
                object.remove("data");
            }
            bundle.objects(name, objects);
            listed.items
        }
        Err(error) => {
            bundle.missing(explain(&format!("list {name}"))(error).to_string());
            vec![]
        }
    }
}

async fn logs(session: &Session, pod: &Pod, tail: i64, bundle: &mut Bundle) {
    let api: Api<Pod> = Api::namespaced(session.client.clone(), &pod.namespace().unwrap_or_default());
    for (container, restarted) in containers(pod) {
        for previous in [false, true].into_iter().filter(|previous| restarted || !previous) {
            let wanted = LogParams {
                container: Some(container.clone()),
                previous,
                tail_lines: Some(tail),
                limit_bytes: Some(MOST_BYTES),
                timestamps: true,
                ..LogParams::default()
            };
            let end = if previous { ".previous" } else { "" };
            let name = format!("{}/{container}{end}", pod.name_any());
            match api.logs(&pod.name_any(), &wanted).await {
                Ok(text) => bundle.log(&name, &text),
                Err(error) => bundle.missing(explain(&format!("read the log {name}"))(error).to_string()),
            }
        }
    }
}

/// The containers that have run, each with whether it did so before.
fn containers(pod: &Pod) -> Vec<(String, bool)> {
    let Some(status) = &pod.status else { return vec![] };
    let all =
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    all.filter(|c| c.container_id.as_ref().is_some_and(|id| !id.is_empty()))
        .map(|c| (c.name.clone(), c.restart_count > 0))
        .collect()
}
