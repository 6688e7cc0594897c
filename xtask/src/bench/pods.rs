//! When each pod was made and when it was ready, to the millisecond: seen on a watch, since objects only keep seconds.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::on::Target;

/// One pod's life up to ready, in seconds since the watch began.
#[derive(Clone, Debug)]
pub struct Pod {
    /// From its label.
    pub unit: String,
    pub tier: u64,
    pub made: f64,
    /// Ready, or for a Job's pod succeeded.
    pub ready: Option<f64>,
    pub restarts: u64,
}

pub(super) struct Watch {
    kubectl: Child,
    pods: Arc<Mutex<BTreeMap<String, Pod>>>,
}

impl Watch {
    /// Watches the pods of one platform from now on.
    pub(super) fn start(target: &Target, namespace: &str, platform: &str) -> Result<Self> {
        let selector = format!("app.kubernetes.io/part-of=orion,app.kubernetes.io/instance={platform}");
        let mut kubectl = target.kubectl();
        kubectl.args(["get", "pods", "-n", namespace, "-l", &selector, "-o", "json"]);
        kubectl.args(["--watch", "--output-watch-events"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut kubectl = kubectl.spawn().context("kubectl cannot be started")?;
        let output = kubectl.stdout.take().context("kubectl has no output")?;
        let pods = Arc::new(Mutex::new(BTreeMap::new()));
        let seen = Arc::clone(&pods);
        let start = Instant::now();
        std::thread::spawn(move || {
            let events = serde_json::Deserializer::from_reader(BufReader::new(output)).into_iter::<Value>();
            for event in events.map_while(Result::ok) {
                let mut pods = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                note(&mut pods, &event["object"], start.elapsed().as_secs_f64());
            }
        });
        Ok(Watch { kubectl, pods })
    }

    pub(super) fn pods(&self) -> Vec<Pod> {
        self.pods.lock().unwrap_or_else(std::sync::PoisonError::into_inner).values().cloned().collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It ends with us anyway.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

fn note(pods: &mut BTreeMap<String, Pod>, object: &Value, now: f64) {
    let text = |p: &str| object.pointer(p).and_then(Value::as_str).unwrap_or_default().to_owned();
    let labels = &object["metadata"]["labels"];
    let label = |key: &str| labels[key].as_str().unwrap_or_default().to_owned();
    let pod = pods.entry(text("/metadata/uid")).or_insert_with(|| Pod {
        unit: label("app.kubernetes.io/name"),
        tier: label("orion.dev/tier").parse().unwrap_or(0),
        made: now,
        ready: None,
        restarts: 0,
    });
    // A Job's pod is called ready while it runs.
    let ready = match label("batch.kubernetes.io/job-name").as_str() {
        "" => crate::status::condition(object, "Ready").is_some_and(|c| c["status"] == "True"),
        _ => text("/status/phase") == "Succeeded",
    };
    if pod.ready.is_none() && ready {
        pod.ready = Some(now);
    }
    let containers = object.pointer("/status/containerStatuses").and_then(Value::as_array);
    pod.restarts = containers.into_iter().flatten().filter_map(|c| c["restartCount"].as_u64()).sum();
}

/// The least time that tiered order can take: tiers one after the other, each as long as its slowest pod's own start.
/// Provisioning is a step of its own, between the stores and everything else.
pub fn floor(pods: &[Pod]) -> f64 {
    let mut steps = BTreeMap::<(u64, bool), f64>::new();
    for pod in pods {
        let own = pod.ready.unwrap_or(pod.made) - pod.made;
        let slowest = steps.entry((pod.tier, pod.unit == "provision")).or_default();
        *slowest = slowest.max(own);
    }
    steps.values().sum()
}

#[cfg(test)]
mod tests {
    use super::{Pod, floor};

    fn pod(unit: &str, tier: u64, made: f64, ready: f64) -> Pod {
        Pod { unit: unit.into(), tier, made, ready: Some(ready), restarts: 0 }
    }

    #[test]
    fn the_floor_adds_the_slowest_of_each_tier_and_provisioning_apart() {
        let pods = [
            pod("postgres", 0, 0.0, 3.0),
            pod("redis", 0, 0.0, 1.0),
            pod("provision", 0, 4.0, 6.0),
            pod("auth", 2, 7.0, 8.5),
        ];
        assert_eq!(floor(&pods), 3.0 + 2.0 + 1.5);
    }
}
