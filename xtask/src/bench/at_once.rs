//! The objects of an installed platform, applied again in one go without the operator: what order costs, or saves.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::install::PLATFORM;
use super::pods::{Pod, Watch};
use crate::on::Target;
use crate::status::OPERATOR_NAMESPACE;
use crate::up::operator::RELEASE;

const KINDS: &str = "secrets,configmaps,serviceaccounts,services,persistentvolumeclaims,statefulsets,deployments,jobs,\
                     poddisruptionbudgets,networkpolicies,roles,rolebindings";

pub(super) fn selector() -> String {
    format!("app.kubernetes.io/managed-by=orion-operator,app.kubernetes.io/instance={PLATFORM}")
}

/// Everything the operator made, as it would be written by hand. Annotations of the objects themselves are what
/// controllers left: a claim that says it was bound would never be bound again.
pub(super) fn objects(target: &Target, namespace: &str) -> Result<Value> {
    let mut list = target.json(&["get", KINDS, "-n", namespace, "-l", &selector()])?;
    for object in list["items"].as_array_mut().into_iter().flatten() {
        let job = object["kind"] == "Job";
        let Some(map) = object.as_object_mut() else { continue };
        map.remove("status");
        if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|key, _| ["name", "namespace", "labels"].contains(&key.as_str()));
        }
        // What the API server filled in and would not take back.
        if let Some(spec) = map.get_mut("spec").and_then(Value::as_object_mut) {
            ["clusterIP", "clusterIPs", "volumeName"].iter().for_each(|key| drop(spec.remove(*key)));
            if job {
                spec.remove("selector");
                if let Some(labels) = spec.get_mut("template").and_then(|t| t.pointer_mut("/metadata/labels"))
                {
                    let keep = |key: &str| !key.contains("controller-uid") && !key.contains("job-name");
                    labels.as_object_mut().into_iter().for_each(|l| l.retain(|key, _| keep(key)));
                }
            }
        }
    }
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": list["items"]}))
}

/// Applies them with the operator put aside; gives the time until as many pods are ready as there were.
pub(super) fn run(
    target: &Target,
    namespace: &str,
    objects: &Value,
    pods: usize,
    limit: Duration,
) -> Result<(Option<f64>, Vec<Pod>)> {
    let aside = Aside::new(target)?;
    let watch = Watch::start(target, namespace, PLATFORM)?;
    let begin = Instant::now();
    apply(target, objects)?;
    let time = loop {
        if watch.pods().iter().filter(|p| p.ready.is_some()).count() >= pods {
            break Some(begin.elapsed().as_secs_f64());
        }
        if begin.elapsed() > limit {
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let seen = watch.pods();
    drop(watch);
    remove(target, namespace)?;
    drop(aside);
    Ok((time, seen))
}

pub(super) fn remove(target: &Target, namespace: &str) -> Result<()> {
    let selector = selector();
    target.get(&["delete", KINDS, "-n", namespace, "-l", &selector, "--timeout=180s"])?;
    target
        .get(&["wait", "pods", "-n", namespace, "-l", &selector, "--for=delete", "--timeout=180s"])
        .map(drop)
}

pub(super) fn apply(target: &Target, object: &Value) -> Result<()> {
    let mut kubectl = target.kubectl();
    kubectl.args(["apply", "--server-side", "--field-manager=orion-xtask", "-f", "-"]);
    let mut child = kubectl.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("kubectl has no input")?.write_all(object.to_string().as_bytes())?;
    let done = child.wait_with_output()?;
    if !done.status.success() {
        bail!("kubectl apply failed: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(())
}

/// The operator has no pod while this lives.
struct Aside<'a>(&'a Target);

impl<'a> Aside<'a> {
    fn new(target: &'a Target) -> Result<Self> {
        let aside = Aside(target);
        aside.scale(0)?;
        let selector = "app.kubernetes.io/name=orion-operator";
        target.get(&[
            "wait",
            "pods",
            "-n",
            OPERATOR_NAMESPACE,
            "-l",
            selector,
            "--for=delete",
            "--timeout=60s",
        ])?;
        Ok(aside)
    }

    fn scale(&self, replicas: u32) -> Result<()> {
        let (deployment, replicas) = (format!("deployment/{RELEASE}"), format!("--replicas={replicas}"));
        self.0.get(&["scale", &deployment, "-n", OPERATOR_NAMESPACE, &replicas])?;
        Ok(())
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        let wait = [
            "rollout",
            "status",
            &format!("deployment/{RELEASE}"),
            "-n",
            OPERATOR_NAMESPACE,
            "--timeout=60s",
        ];
        if let Err(error) = self.scale(1).and_then(|()| self.0.get(&wait)) {
            eprintln!("the operator could not be started again: {error:#}");
        }
    }
}
