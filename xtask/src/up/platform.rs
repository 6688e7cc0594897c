//! Applies a platform, server-side, and knows whether that changed anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::on::Target;
use crate::state::State;
use crate::status::Platform;
use crate::{paths, progress, sh};

/// Applies the manifest; gives its platform and whether anything differs from before.
pub(super) fn apply(
    target: &Target,
    manifest: &Path,
    registry: Option<&str>,
    state: &mut State,
) -> Result<(Platform, bool)> {
    let before = dry(target, manifest)?;
    let file = match registry {
        Some(registry) => from_registry(&before, registry)?,
        None => manifest.to_path_buf(),
    };
    for namespace in before.iter().filter_map(|o| o.pointer("/metadata/namespace")?.as_str()) {
        ensure_namespace(target, namespace, state)?;
    }
    let known: BTreeMap<_, _> = before.iter().map(|o| (key(o), generation(target, o))).collect();
    let mut kubectl = target.kubectl();
    kubectl.args([
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=orion-xtask",
        "-o",
        "json",
        "-f",
    ]);
    let applied = items(&sh::output(kubectl.arg(file)).context("the platform was refused")?)?;
    let changed = applied.iter().any(|o| known.get(&key(o)).copied().flatten() != text_generation(o));
    let object = applied.iter().find(|o| o["kind"] == "OrionPlatform");
    let object = object.with_context(|| format!("{} has no OrionPlatform", paths::shown(manifest)))?;
    let text = |p: &str| object.pointer(p).and_then(Value::as_str).unwrap_or_default().to_owned();
    let platform = Platform {
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name"),
        phase: text("/status/phase"),
        ready: crate::status::is_ready(object),
    };
    state.platforms.insert((platform.namespace.clone(), platform.name.clone()));
    state.write()?;
    let name = format!("{}/{}", platform.namespace, platform.name);
    match changed {
        true => println!("✓ applied platform {name}"),
        false => progress::unchanged(&format!("platform {name} is as in {}", paths::shown(manifest))),
    }
    Ok((platform, changed))
}

/// Restarts the services whose image is new under the tag they already run: the operator sees no difference.
pub(crate) fn restart(target: &Target, platform: &Platform, loaded: &[String]) -> Result<bool> {
    let mut restarted = false;
    for service in catalog::SERVICES.iter().filter(|s| loaded.iter().any(|l| l == s.name)) {
        let deployment = catalog::object_name(&platform.name, service.name);
        let there = ["get", "deployment", &deployment, "--namespace", &platform.namespace];
        if target.maybe(&there)?.is_some() {
            target.get(&[
                "rollout",
                "restart",
                "deployment",
                &deployment,
                "--namespace",
                &platform.namespace,
            ])?;
            println!("✓ restarted {} with its new image", service.name);
            restarted = true;
        }
    }
    Ok(restarted)
}

/// Makes the namespace where there is none, and remembers that it is ours to remove.
pub(super) fn ensure_namespace(target: &Target, namespace: &str, state: &mut State) -> Result<()> {
    if target.maybe(&["get", "namespace", namespace])?.is_some() {
        return Ok(());
    }
    target.get(&["create", "namespace", namespace])?;
    state.namespaces.insert(namespace.to_owned());
    state.write()
}

/// The same objects in a file of ours: platforms that name no registry of their own take this one.
fn from_registry(objects: &[Value], registry: &str) -> Result<PathBuf> {
    let mut objects = objects.to_vec();
    for platform in objects.iter_mut().filter(|o| o["kind"] == "OrionPlatform") {
        if platform.pointer("/spec/image/registry").is_none() {
            platform["spec"]["image"]["registry"] = registry.into();
        }
    }
    let file = paths::target().join("xtask/platform.json");
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
    std::fs::write(&file, serde_json::to_vec_pretty(&list)?)?;
    Ok(file)
}

/// The objects as kubectl reads them, with the namespace it would take.
fn dry(target: &Target, manifest: &Path) -> Result<Vec<Value>> {
    let mut kubectl = target.kubectl();
    items(&sh::output(kubectl.args(["create", "--dry-run=client", "-o", "json", "-f"]).arg(manifest))?)
}

/// kubectl prints one object as itself, several as a list or one after the other.
fn items(text: &str) -> Result<Vec<Value>> {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut all = vec![];
    for document in documents {
        let document = document.context("kubectl printed what is not JSON")?;
        match document["items"].as_array() {
            Some(items) => all.extend(items.iter().cloned()),
            None => all.push(document),
        }
    }
    Ok(all)
}

fn key(object: &Value) -> (String, String, String) {
    let text = |p: &str| object.pointer(p).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

fn generation(target: &Target, object: &Value) -> Option<i64> {
    let (kind, namespace, name) = key(object);
    let mut args = vec!["get", &kind, &name];
    if !namespace.is_empty() {
        args.extend(["--namespace", &namespace]);
    }
    text_generation(&target.maybe(&args).ok()??)
}

/// Objects without a generation (a Namespace) count as one that never changes.
fn text_generation(object: &Value) -> Option<i64> {
    Some(object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0))
}
