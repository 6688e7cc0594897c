//! A provisioner of local volumes: a folder for each claim, on the node where its first pod was placed. It outlives
//! pods and goes with its claim. It only watches: an idle cluster costs no calls.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;

use super::Inside;
use super::addons::{PROVISIONER, SIZED_CLASS, STORAGE_CLASS};
use crate::paths::StateDir;

/// Written by the scheduler once it knows where the claim's first pod will run.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// Tells the controllers that deleting such a volume is not theirs to do.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// Provides volumes until the cluster ends.
pub(crate) async fn provide(inside: &'static Inside) {
    let client = inside.client.clone();
    let claims = Api::<PersistentVolumeClaim>::all(client.clone());
    let volumes = Api::<PersistentVolume>::all(client.clone());
    let mut claims = pin!(watcher(claims, watcher::Config::default()).default_backoff().applied_objects());
    let mut volumes = pin!(watcher(volumes, watcher::Config::default()).default_backoff().applied_objects());
    loop {
        // An error of a watch is followed by a new one, after a pause; what it missed comes again.
        let done = tokio::select! {
            Some(claim) = claims.next() => match claim {
                Ok(claim) => again(async || look_at_claim(inside, &claim).await).await,
                Err(error) => Err(error.into()),
            },
            Some(volume) = volumes.next() => match volume {
                Ok(volume) => again(async || remove_released(inside, &volume).await).await,
                Err(error) => Err(error.into()),
            },
        };
        if let Err(error) = done {
            eprintln!("volumes: {error:#}");
        }
    }
}

/// Tries a few times: nothing would bring the same object here once more.
async fn again(work: impl AsyncFn() -> Result<()>) -> Result<()> {
    for _ in 0..5 {
        if work().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    work().await
}

async fn look_at_claim(inside: &Inside, claim: &PersistentVolumeClaim) -> Result<()> {
    if wanted(claim) { create(inside, claim).await } else { grow(inside, claim).await }
}

/// The claim's class, if it is one of ours.
fn class(claim: &PersistentVolumeClaim) -> Option<&str> {
    let class = claim.spec.as_ref()?.storage_class_name.as_deref()?;
    [STORAGE_CLASS, SIZED_CLASS].contains(&class).then_some(class)
}

/// Ours, unbound, and placed.
fn wanted(claim: &PersistentVolumeClaim) -> bool {
    let unbound = claim.spec.as_ref().is_some_and(|spec| spec.volume_name.is_none());
    unbound
        && class(claim).is_some()
        && claim.annotations().contains_key(SELECTED_NODE)
        && claim.metadata.deletion_timestamp.is_none()
}

fn folder(state: &StateDir, volume: &str) -> PathBuf {
    state.volumes().join(volume)
}

async fn create(inside: &Inside, claim: &PersistentVolumeClaim) -> Result<()> {
    let spec = claim.spec.as_ref().context("a claim without a spec")?;
    let uid = claim.uid().context("a claim without a uid")?;
    let name = format!("pvc-{uid}");
    let path = folder(&inside.state, &name);
    make_folder(&path)?;
    let node = &claim.annotations()[SELECTED_NODE];
    let class = class(claim).context("a claim of another class")?;
    let capacity = spec.resources.as_ref().and_then(|resources| resources.requests.clone());
    if class == SIZED_CLASS {
        let size = capacity.as_ref().and_then(|capacity| capacity.get("storage"));
        inside.mount_sized(node, &path, &size.context("a claim without a size")?.0).await?;
    }
    let volume: PersistentVolume = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": capacity,
            "accessModes": spec.access_modes,
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": class,
            "local": {"path": path},
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace(), "name": claim.name_any(), "uid": uid,
            },
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{
                "key": "kubernetes.io/hostname", "operator": "In", "values": [node],
            }]}]}},
        },
    }))?;
    let created =
        Api::<PersistentVolume>::all(inside.client.clone()).create(&PostParams::default(), &volume).await;
    match created {
        // Made at an earlier sight of the same claim.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        other => other.map(|_| ()).with_context(|| format!("create the volume {name}")),
    }
}

/// Whatever user a pod runs as may write: what a pod may do to its volume is for its fsGroup to say.
fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))
        .context("open the volume to all users")
}

/// A claim that asks for more has it at once: a folder has no size of its own, and memory is given another.
async fn grow(inside: &Inside, claim: &PersistentVolumeClaim) -> Result<()> {
    let asked =
        claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.as_ref()?.get("storage"));
    let given = claim.status.as_ref().and_then(|status| status.capacity.as_ref()?.get("storage"));
    let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone());
    let (Some(asked), Some(given), Some(volume), Some(class)) = (asked, given, volume, class(claim)) else {
        return Ok(());
    };
    if asked == given {
        return Ok(());
    }
    let (client, capacity) = (&inside.client, json!({"capacity": {"storage": asked}}));
    let params = PatchParams::default();
    let volumes = Api::<PersistentVolume>::all(client.clone());
    if class == SIZED_CLASS {
        let node = claim.annotations().get(SELECTED_NODE).context("a volume without a node")?;
        inside.mount_sized(node, &folder(&inside.state, &volume), &asked.0).await?;
    }
    volumes
        .patch(&volume, &params, &Patch::Merge(json!({"spec": capacity})))
        .await
        .context("grow a volume")?;
    let namespace = claim.namespace().unwrap_or_default();
    let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), &namespace);
    let status = Patch::Merge(json!({"status": capacity}));
    claims
        .patch_status(&claim.name_any(), &params, &status)
        .await
        .context("tell a claim that it has grown")?;
    Ok(())
}

async fn remove_released(inside: &Inside, volume: &PersistentVolume) -> Result<()> {
    let ours = volume.annotations().get(PROVISIONED_BY).is_some_and(|by| by == PROVISIONER);
    let released = volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Released");
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    if !(ours && released && policy == Some("Delete")) || volume.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let name = volume.name_any();
    let path = folder(&inside.state, &name);
    if volume.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref()) == Some(SIZED_CLASS) {
        inside.unmount_sized(&path).await?;
    }
    if path.exists() {
        std::fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    let volumes = Api::<PersistentVolume>::all(inside.client.clone());
    volumes.delete(&name, &DeleteParams::default()).await.context("delete a released volume")?;
    Ok(())
}
