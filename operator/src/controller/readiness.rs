//! Whether a workload is what it should be, from its own status. Pure.

use super::clusters;
use serde_json::Value;

/// How far a workload is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    pub ready: i32,
    pub desired: i32,
    /// Every wanted pod runs the newest template and is available, and no older one is left.
    pub settled: bool,
    /// As many pods as wanted are available, whichever template they have.
    pub serving: bool,
    /// A Job that has given up.
    pub failed: bool,
}

/// The readiness of a Deployment, StatefulSet or Job. `fewest`: of as many pods as that or more, an autoscaler says
/// how many are wanted. More of them being on their way under load is no sign of anything wrong.
pub fn of(workload: &Value, fewest: Option<i32>) -> Readiness {
    match workload["kind"].as_str() {
        Some("Job") => job(workload),
        Some("StatefulSet") => stateful_set(workload),
        Some("Cluster") => clusters::cloud_native_pg(workload),
        Some("RabbitmqCluster") => clusters::rabbitmq(workload),
        _ => deployment(workload, fewest),
    }
}

fn number(value: &Value) -> i32 {
    value.as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(0)
}

/// The controller in charge has seen the newest spec.
fn observed(workload: &Value) -> bool {
    let generation = workload["metadata"]["generation"].as_i64();
    generation.is_some() && workload["status"]["observedGeneration"].as_i64() >= generation
}

fn desired(workload: &Value) -> i32 {
    workload["spec"]["replicas"].as_i64().map_or(1, |n| i32::try_from(n).unwrap_or(i32::MAX))
}

fn deployment(workload: &Value, fewest: Option<i32>) -> Readiness {
    let (status, desired) = (&workload["status"], desired(workload));
    let enough = fewest.map_or(desired, |fewest| desired.min(fewest));
    let (updated, available) = (number(&status["updatedReplicas"]), number(&status["availableReplicas"]));
    let newest_only = updated >= enough && number(&status["replicas"]) == updated;
    Readiness {
        ready: number(&status["readyReplicas"]).min(desired),
        desired,
        settled: observed(workload) && newest_only && available >= enough,
        serving: available >= enough,
        failed: false,
    }
}

fn stateful_set(workload: &Value) -> Readiness {
    let (status, desired) = (&workload["status"], desired(workload));
    let available = number(&status["availableReplicas"]);
    // updatedReplicas is not counted once an update is over: equal revisions say so.
    let newest_only = status["updateRevision"] == status["currentRevision"]
        || number(&status["updatedReplicas"]) >= desired;
    Readiness {
        ready: number(&status["readyReplicas"]).min(desired),
        desired,
        settled: observed(workload) && newest_only && available >= desired,
        serving: available >= desired,
        failed: false,
    }
}

fn job(workload: &Value) -> Readiness {
    Readiness {
        failed: condition(workload, "Failed").is_some(),
        ..done(condition(workload, "Complete").is_some())
    }
}

/// Whether one of the pods has done the Job's work. The Job says so itself a second later or two: its controller gathers
/// what happens to pods, and everything else waits for it.
pub fn is_done_by(job: &Value, pods: &[&Value]) -> bool {
    let uid = &job["metadata"]["uid"];
    let own = |pod: &&&Value| pod["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] == *uid;
    job["kind"] == "Job"
        && uid.is_string()
        && pods.iter().filter(own).any(|pod| pod["status"]["phase"] == "Succeeded")
}

/// Of a Job.
pub fn done(complete: bool) -> Readiness {
    Readiness { ready: i32::from(complete), desired: 1, settled: complete, serving: complete, failed: false }
}

/// The condition of this type, if it is true.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == kind && c["status"] == "True")
}
