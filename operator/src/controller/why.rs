//! Why a unit is not ready, named to the container, from its pods and its workload. Pure.
//!
//! The order is that of a pod's life: no pod at all, no node, no image, a container that does not start, one that
//! ends, one that runs and does not answer. The first that is found is the cause; what follows from it is not told.

mod text;

use super::readiness::condition;
use serde_json::Value;
use text::{image_error, last_words, one_line, scheduling};

/// The cause in one line, without the unit's name; None when nothing is known to be wrong.
pub fn cause(unit: &str, workload: Option<&Value>, pods: &[&Value]) -> Option<String> {
    let mut pods: Vec<&Value> = pods.iter().copied().filter(|pod| !finished(pod)).collect();
    // The newest pod has the newest template: an old one that still serves says nothing about a rollout. Of those that
    // were made at once, and may need each other, the one without a node holds up the others.
    pods.sort_by_key(|pod| {
        let made = pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
        (std::cmp::Reverse(made), pod["spec"]["nodeName"].is_string())
    });
    // What works once and ends has no probe: while it runs, what it said at its last end is all that is known.
    let once = workload.is_some_and(|workload| workload["kind"] == "Job");
    let from_pods = pods.iter().find_map(|pod| pod_cause(unit, once, pod));
    from_pods.or_else(|| workload.and_then(workload_cause))
}

fn finished(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null() || pod["status"]["phase"] == "Succeeded"
}

fn pod_cause(unit: &str, once: bool, pod: &Value) -> Option<String> {
    let status = &pod["status"];
    if let Some(unscheduled) = false_condition(pod, "PodScheduled").filter(|c| c["reason"] == "Unschedulable")
    {
        return Some(scheduling(unscheduled["message"].as_str().unwrap_or_default()));
    }
    if status["phase"] == "Failed" && !status["reason"].is_null() {
        return Some(sentence(status["reason"].as_str(), status["message"].as_str()));
    }
    let containers = |field: &str| status[field].as_array().cloned().unwrap_or_default();
    let init = containers("initContainerStatuses");
    let from_init = init.iter().filter_map(|c| {
        // A finished one is done its part; 0 is the only good ending.
        let done = c["state"]["terminated"]["exitCode"] == 0;
        let text = if done { None } else { container_cause(false, c) }?;
        Some(format!("init container {}: {text}", c["name"].as_str().unwrap_or_default()))
    });
    let main = containers("containerStatuses");
    let from_main = main.iter().filter_map(|c| {
        let name = c["name"].as_str().unwrap_or_default();
        let text = container_cause(once, c)?;
        Some(if name == unit || main.len() == 1 { text } else { format!("container {name}: {text}") })
    });
    from_init.chain(from_main).next().or_else(|| lost_node(pod, &main))
}

/// Kubernetes says of the pods of a node that it doesn't hear from that they aren't ready. Their containers are as the
/// node has told last.
fn lost_node(pod: &Value, containers: &[Value]) -> Option<String> {
    false_condition(pod, "Ready").filter(|c| c["reason"] != "ReadinessGatesNotReady")?;
    let told_ready = !containers.is_empty() && containers.iter().all(|c| c["ready"] == true);
    let node = pod["spec"]["nodeName"].as_str().filter(|_| told_ready)?;
    Some(format!("its node {node} does not answer"))
}

fn container_cause(once: bool, container: &Value) -> Option<String> {
    let (state, last) = (&container["state"], &container["lastState"]["terminated"]);
    let restarts = container["restartCount"].as_i64().unwrap_or(0);
    if let Some(reason) = state["waiting"]["reason"].as_str() {
        return waiting(reason, container);
    }
    if container["ready"] == true && !once {
        return None;
    }
    let terminated = &state["terminated"];
    let end = if terminated.is_null() { last } else { terminated };
    // It runs for a moment now and again; that is no other cause, and not worth telling each time.
    if restarts >= 2 && !end.is_null() {
        return Some(ended(Some("CrashLoopBackOff"), end));
    }
    if !terminated.is_null() {
        return (terminated["exitCode"] != 0).then(|| ended(None, terminated));
    }
    if state["running"].is_null() {
        return None;
    }
    if restarts > 0 && !last.is_null() {
        return Some(format!("restarted once, {}", ended(None, last)));
    }
    if once {
        return None;
    }
    Some(match container["started"].as_bool() {
        Some(true) => "runs but its readiness probe fails".to_owned(),
        _ => "has not answered its startup probe yet".to_owned(),
    })
}

fn waiting(reason: &str, container: &Value) -> Option<String> {
    let message = container["state"]["waiting"]["message"].as_str();
    match reason {
        "ContainerCreating" | "PodInitializing" => None,
        "CrashLoopBackOff" => Some(ended(Some(reason), &container["lastState"]["terminated"])),
        "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull" => {
            // The kubelet goes back and forth between trying and waiting: to a person that is one state.
            let reason = if reason == "ErrImagePull" { "ImagePullBackOff" } else { reason };
            let image = container["image"].as_str().unwrap_or_default();
            Some(format!("{reason}: {}", image_error(image, message.unwrap_or_default())))
        }
        _ => Some(sentence(Some(reason), message)),
    }
}

/// "CrashLoopBackOff, exit 1: <what it said last>".
fn ended(state: Option<&str>, terminated: &Value) -> String {
    let mut parts: Vec<String> = state.map(str::to_owned).into_iter().collect();
    match terminated["reason"].as_str() {
        Some("Error" | "Completed") | None => {}
        Some(reason) => parts.push(reason.to_owned()),
    }
    if let Some(code) = terminated["exitCode"].as_i64() {
        parts.push(format!("exit {code}"));
    }
    let said = last_words(terminated["message"].as_str().unwrap_or_default());
    let head = parts.join(", ");
    if said.is_empty() { head } else { format!("{head}: {said}") }
}

fn workload_cause(workload: &Value) -> Option<String> {
    let message = |c: &Value| one_line(c["message"].as_str().unwrap_or_default());
    if let Some(failure) = condition(workload, "ReplicaFailure") {
        return Some(message(failure));
    }
    condition(workload, "Failed")
        .map(|failed| sentence(failed["reason"].as_str(), failed["message"].as_str()))
}

/// Why a volume claim is not bound, if it is not.
pub fn claim_cause(claim: &Value) -> Option<String> {
    let name = claim["metadata"]["name"].as_str().unwrap_or_default();
    let class =
        claim["spec"]["storageClassName"].as_str().map(|c| format!(" of class {c}")).unwrap_or_default();
    match claim["status"]["phase"].as_str() {
        Some("Bound") => None,
        Some("Lost") => Some(format!("volume claim {name} has lost its volume")),
        _ => Some(format!("volume claim {name} has no volume{class} yet")),
    }
}

/// What the events about a unit's objects say, given oldest first: the last warning.
pub fn event_cause(events: &[&Value]) -> Option<String> {
    let warning = events.iter().rev().find(|e| e["type"] == "Warning")?;
    // Which pod it was is no news: the unit is named already.
    let said = warning["message"].as_str().or_else(|| warning["note"].as_str());
    Some(sentence(warning["reason"].as_str(), said))
}

fn false_condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == kind && c["status"] == "False")
}

fn sentence(reason: Option<&str>, message: Option<&str>) -> String {
    let message = one_line(message.unwrap_or_default());
    match reason {
        Some(reason) if message.is_empty() => reason.to_owned(),
        Some(reason) => format!("{reason}: {message}"),
        None => message,
    }
}
