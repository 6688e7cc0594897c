//! Under Argo CD or Flux, which apply the same manifest again and again, nothing changes that nobody changed.

use anyhow::{Context, Result};
use e2e::ground::root;
use e2e::stage::{Scene, scene};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, ResourceExt};
use operator::controller::kinds::{KINDS, Role};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::support::QUIET;

/// As they call themselves.
const MANAGERS: [&str; 2] = ["argocd-controller", "kustomize-controller"];

/// The sample as kustomize makes it, which is what both apply.
async fn manifest(namespace: &str) -> Result<Value> {
    let kubectl = cluster::part_binary("kubectl")?;
    let output = tokio::process::Command::new(kubectl)
        .arg("kustomize")
        .arg(root().join("manifests/samples"))
        .output()
        .await?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut manifest: Value = serde_saphyr::from_str(&String::from_utf8(output.stdout)?)?;
    manifest["metadata"]["namespace"] = json!(namespace);
    // A port of the node is the cluster's, and other tests have it.
    manifest["spec"]["exposure"]["nodePort"] = json!({});
    // What an autoscaler owns is where fields flip, if they do.
    manifest["spec"]["services"] =
        json!([{"name": "user", "autoscaling": {"minReplicas": 2, "maxReplicas": 4}}]);
    Ok(manifest)
}

async fn apply_as(scene: &Scene, manager: &str) -> Result<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("orion.dev", "v1alpha1", "OrionPlatform"));
    let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
    let manifest = manifest(&scene.namespace).await?;
    let params = PatchParams::apply(manager).force();
    api.patch("orion", &params, &Patch::Apply(manifest)).await.context("apply the manifest")
}

/// The version of every object, the platform's and its generation too. Pods' and their makers' statuses are the
/// controllers' own.
async fn versions(scene: &Scene) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    let platform = scene.platforms.get("orion").await?;
    let generation = platform.metadata.generation.unwrap_or_default();
    let version = platform.resource_version().unwrap_or_default();
    all.insert("OrionPlatform".to_owned(), format!("{version}, generation {generation}"));
    for kind in KINDS.iter().filter(|kind| matches!(kind.role, Role::Workload | Role::Part | Role::Lasting)) {
        let api: Api<DynamicObject> =
            Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind.resource());
        let list = match api.list(&ListParams::default().labels(&kind.selector())).await {
            Err(kube::Error::Api(status)) if status.code == 404 => continue,
            other => other?,
        };
        for object in list {
            let version = match object.metadata.generation {
                // It has none, and its controller writes its status as it likes.
                _ if kind.kind == "HorizontalPodAutoscaler" => object.data["spec"].to_string(),
                Some(generation) => generation.to_string(),
                None => object.resource_version().unwrap_or_default(),
            };
            all.insert(format!("{} {}", kind.kind, object.name_any()), version);
        }
    }
    Ok(all)
}

/// Its controller raises the number of pods to the least that it may be, in its own time.
async fn scaled(scene: &Scene) -> Result<Option<()>> {
    let user = scene.api::<Deployment>().get("orion-user").await?;
    let told = scene.platforms.get("orion").await?;
    let known = e2e::status::unit(&told, "user").is_some_and(|unit| (unit.ready, unit.desired) == (2, 2));
    Ok((known && user.spec.and_then(|spec| spec.replicas) == Some(2)).then_some(()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_applied_again_and_again_changes_nothing() -> Result<()> {
    scene("gitops", async |scene| {
        // Each of them takes part in the object once; from then on it is the same.
        for manager in MANAGERS {
            apply_as(scene, manager).await?;
        }
        scene.until_ready().await?;
        scene.eventually("the autoscaler has begun", async || scaled(scene).await).await?;
        scene.until_ready().await?;
        scene.quiet_for(QUIET).await?;
        let before = versions(scene).await?;
        assert!(before.len() > 20, "{before:?}");
        for round in 0..3 {
            for manager in MANAGERS {
                apply_as(scene, manager).await?;
            }
            // The next operator looks at everything anew.
            scene.crash().await;
            scene.until_ready().await?;
            scene.quiet_for(QUIET).await?;
            assert_eq!(versions(scene).await?, before, "after round {round}");
        }
        Ok(())
    })
    .await
}
