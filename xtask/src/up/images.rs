//! Puts images on the nodes: each once, as long as it stays the same.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cli::On;
use crate::images::{self, Built, RECIPES, REGISTRY, VERSION};
use crate::on::Target;
use crate::state::State;
use crate::status::OPERATOR_NAMESPACE;
use crate::{paths, progress};

/// How long the nodes may fail to fetch an image of ours, a few megabytes, before that counts as final.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The native cluster cannot fetch anything, so it gets the stores' images too; kind fetches the official ones.
pub(super) fn wanted(on: On) -> Vec<String> {
    let is_store = |name: &String| RECIPES.iter().any(|r| r.name == name);
    images::names().into_iter().filter(|name| on == On::Native || !is_store(name)).collect()
}

/// Loads what the nodes do not have yet; gives the names of what is new on them.
pub(crate) fn load(target: &Target, built: &[Built], state: &mut State) -> Result<Vec<String>> {
    let new: Vec<_> = built.iter().filter(|i| state.loaded.get(&i.reference) != Some(&i.sha256)).collect();
    if new.is_empty() {
        if target.can_load() {
            progress::unchanged("every image is on the nodes");
        }
        return Ok(vec![]);
    }
    let names: Vec<_> = new.iter().map(|i| i.name.clone()).collect();
    progress::step(&format!("load images: {}", names.join(", ")), || {
        for image in &new {
            target.load(image).with_context(|| format!("the image of {} cannot be loaded", image.name))?;
            state.loaded.insert(image.reference.clone(), image.sha256.clone());
            state.write()?;
        }
        Ok(names)
    })
}

/// What a cluster that is somebody else's must have, said before anything waits for it.
pub(super) fn announce(registry: Option<&str>) {
    let names: Vec<_> = images::programs().into_iter().map(|p| p.name).collect();
    let registry = registry.unwrap_or(REGISTRY);
    progress::note(&format!(
        "its nodes must have or fetch {registry}/<{}>:{VERSION}: images are not loaded from here",
        names.join("|")
    ));
}

/// The image that a pod of the operator waits for in vain, if there is one.
pub(super) fn missing(target: &Target) -> Option<String> {
    let label = "app.kubernetes.io/name=orion-operator";
    let pods = target.json(&["get", "pods", "--namespace", OPERATOR_NAMESPACE, "--selector", label]).ok()?;
    let containers =
        pods["items"].as_array()?.iter().filter_map(|p| p["status"]["containerStatuses"].as_array());
    let refused = |c: &&Value| c["state"]["waiting"]["reason"].as_str().is_some_and(cannot_be_had);
    containers.flatten().find(refused)?["image"].as_str().map(str::to_owned)
}

/// Whether a container's reason for waiting, or the operator's sentence that begins with it, is about its image.
pub(super) fn cannot_be_had(reason: &str) -> bool {
    ["ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName"]
        .iter()
        .any(|known| reason.starts_with(known))
}

/// What a person does about an image that the nodes do not get.
pub(super) fn how_to_supply(target: &Target) -> String {
    if target.can_load() {
        return "load it again: `cargo xtask down`, then `cargo xtask up`".into();
    }
    let (archives, name) = (paths::shown(&paths::images()), "operator");
    format!(
        "`cargo xtask images {programs}` makes them as archives in {archives}. Either put each on every node:\n  \
         ctr -n k8s.io images import {archives}/{name}.tar    (k3s: k3s ctr images import; minikube image load)\n\
         or push each to a registry and say which by --registry:\n  \
         skopeo copy docker-archive:{archives}/{name}.tar docker://REGISTRY/{name}:{VERSION}    \
         (or docker load, tag and push)",
        programs = images::programs().iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(" "),
    )
}
