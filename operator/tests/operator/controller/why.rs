//! Causes, from pods as the API server shows them.

use operator::controller::why::{cause, claim_cause, event_cause};
use serde_json::{Value, json};

fn pod(status: Value) -> Value {
    json!({"kind": "Pod", "metadata": {"name": "orion-auth-1", "creationTimestamp": "2026-01-01T00:00:00Z"}, "status": status})
}

fn container(state: Value) -> Value {
    let mut container = json!({"name": "auth", "image": "ghcr.io/orion-platform/auth:9.9.9", "ready": false, "restartCount": 0});
    for (key, value) in state.as_object().expect("an object") {
        container[key] = value.clone();
    }
    pod(json!({"phase": "Running", "containerStatuses": [container]}))
}

fn unschedulable(message: &str) -> Value {
    pod(json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
    ]}))
}

/// The container is as the node told last; that the pod isn't ready is said by somebody else.
fn on_a_lost_node() -> Value {
    let mut pod = container(json!({"ready": true, "state": {"running": {}}}));
    pod["spec"] = json!({"nodeName": "n2"});
    pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
    pod
}

#[test]
fn a_pod_names_its_cause() {
    let crashed = json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "postgres:5432: password authentication failed\n"}});
    let table = [
        (
            "no node has the CPU",
            unschedulable(
                "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
            ),
            Some("0/2 nodes fit: Insufficient cpu"),
        ),
        (
            "several reasons keep their counts",
            unschedulable(
                "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint(s). preemption: none",
            ),
            Some("0/3 nodes fit: 1 Insufficient memory, 2 node(s) had untolerated taint(s)"),
        ),
        (
            "a database that ends says why before it says that it ends",
            container(json!({"state": {"terminated": {"exitCode": 1, "reason": "Error", "message":
                "[8] PANIC:  could not write to file \"pg_wal/xlogtemp.8\": No space left on device\n[1] LOG:  database system is shut down\n"}}})),
            Some(
                r#"exit 1: [8] PANIC:  could not write to file "pg_wal/xlogtemp.8": No space left on device"#,
            ),
        ),
        ("the node is lost", on_a_lost_node(), Some("its node n2 does not answer")),
        (
            "the image does not exist",
            container(
                json!({"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"ghcr.io/orion-platform/auth:9.9.9\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"ghcr.io/orion-platform/auth:9.9.9\": failed to resolve reference \"ghcr.io/orion-platform/auth:9.9.9\": ghcr.io/orion-platform/auth:9.9.9: not found"}}}),
            ),
            Some("ImagePullBackOff: ghcr.io/orion-platform/auth:9.9.9: not found"),
        ),
        (
            "between two tries of the image it is the same cause",
            container(
                json!({"state": {"waiting": {"reason": "ErrImagePull", "message": "failed to pull and unpack image \"ghcr.io/orion-platform/auth:9.9.9\": failed to resolve reference \"ghcr.io/orion-platform/auth:9.9.9\": ghcr.io/orion-platform/auth:9.9.9: not found"}}}),
            ),
            Some("ImagePullBackOff: ghcr.io/orion-platform/auth:9.9.9: not found"),
        ),
        (
            "the program ends again and again and says why",
            container(
                json!({"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}}, "lastState": crashed}),
            ),
            Some("CrashLoopBackOff, exit 1: postgres:5432: password authentication failed"),
        ),
        (
            "it runs for a moment between two ends",
            container(
                json!({"restartCount": 3, "state": {"running": {}}, "started": false, "lastState": crashed}),
            ),
            Some("CrashLoopBackOff, exit 1: postgres:5432: password authentication failed"),
        ),
        (
            "the first end",
            container(json!({"state": crashed})),
            Some("exit 1: postgres:5432: password authentication failed"),
        ),
        (
            "one restart",
            container(
                json!({"restartCount": 1, "started": false, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
            ),
            Some("restarted once, OOMKilled, exit 137"),
        ),
        (
            "out of memory again and again",
            container(
                json!({"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
            ),
            Some("CrashLoopBackOff, OOMKilled, exit 137"),
        ),
        (
            "a Secret that is not there",
            container(
                json!({"state": {"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"shop-postgres\" not found"}}}),
            ),
            Some("CreateContainerConfigError: secret \"shop-postgres\" not found"),
        ),
        (
            "it starts",
            container(json!({"started": false, "state": {"running": {}}})),
            Some("has not answered its startup probe yet"),
        ),
        (
            "it is up but not ready",
            container(json!({"started": true, "state": {"running": {}}})),
            Some("runs but its readiness probe fails"),
        ),
        ("it is being made", container(json!({"state": {"waiting": {"reason": "ContainerCreating"}}})), None),
        ("all is well", container(json!({"ready": true, "started": true, "state": {"running": {}}})), None),
        (
            "it was evicted",
            pod(
                json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
            ),
            Some("Evicted: The node was low on resource: memory."),
        ),
    ];
    for (case, pod, expected) in table {
        assert_eq!(cause("auth", None, &[&pod]).as_deref(), expected, "{case}");
    }
}

#[test]
fn a_failing_init_container_is_named_before_the_one_that_waits_for_it() {
    let pod = pod(json!({"phase": "Pending",
        "initContainerStatuses": [
            {"name": "cookie", "state": {"terminated": {"exitCode": 0}}},
            {"name": "chown", "state": {"terminated": {"exitCode": 2, "reason": "Error", "message": "no"}}},
        ],
        "containerStatuses": [{"name": "rabbitmq", "state": {"waiting": {"reason": "PodInitializing"}}}],
    }));
    assert_eq!(cause("rabbitmq", None, &[&pod]).as_deref(), Some("init container chown: exit 2: no"));
}

#[test]
fn another_container_of_the_pod_is_named() {
    let pod = pod(json!({"containerStatuses": [
        {"name": "auth", "ready": true, "state": {"running": {}}},
        {"name": "mesh", "image": "mesh:1", "state": {"waiting": {"reason": "ErrImageNeverPull"}}},
    ]}));
    assert_eq!(cause("auth", None, &[&pod]).as_deref(), Some("container mesh: ErrImageNeverPull: mesh:1"));
}

#[test]
fn the_newest_pod_speaks_for_a_rollout() {
    let mut old = container(json!({"started": true, "state": {"running": {}}}));
    old["metadata"]["creationTimestamp"] = "2025-01-01T00:00:00Z".into();
    let new = unschedulable("0/1 nodes are available: 1 Insufficient cpu.");
    assert_eq!(cause("auth", None, &[&old, &new]).as_deref(), Some("0/1 nodes fit: Insufficient cpu"));
}

#[test]
fn of_pods_made_at_once_the_one_without_a_node_holds_up_the_others() {
    let mut waits = container(json!({"started": false, "state": {"running": {}}}));
    waits["spec"] = json!({"nodeName": "n1"});
    let stuck = unschedulable("0/1 nodes are available: 1 Insufficient cpu.");
    assert_eq!(cause("auth", None, &[&waits, &stuck]).as_deref(), Some("0/1 nodes fit: Insufficient cpu"));
}

#[test]
fn a_pod_that_is_leaving_says_nothing() {
    let mut leaving = container(json!({"started": true, "state": {"running": {}}}));
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    assert_eq!(cause("auth", None, &[&leaving]), None);
}

#[test]
fn without_pods_the_workload_says_what_forbids_them() {
    let quota = "pods \"orion-auth-1\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4";
    let workload = json!({"kind": "Deployment", "status": {"conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": quota},
    ]}});
    assert_eq!(cause("auth", Some(&workload), &[]).as_deref(), Some(quota));
}

#[test]
fn a_message_is_one_line_and_the_last_one() {
    let state = json!({"state": {"terminated": {"exitCode": 1, "reason": "Error", "message": "starting\nlistening\nno space left on device\n\n"}}});
    assert_eq!(cause("auth", None, &[&container(state)]).as_deref(), Some("exit 1: no space left on device"));
}

#[test]
fn a_claim_without_a_volume_is_named() {
    let claim = |phase: &str| json!({"metadata": {"name": "orion-postgres-data"}, "spec": {"storageClassName": "fast"}, "status": {"phase": phase}});
    assert_eq!(claim_cause(&claim("Bound")), None);
    let pending = claim_cause(&claim("Pending"));
    assert_eq!(pending.as_deref(), Some("volume claim orion-postgres-data has no volume of class fast yet"));
}

#[test]
fn the_last_warning_is_the_one_that_counts() {
    let normal = json!({"type": "Normal", "reason": "Pulled", "message": "pulled"});
    let first = json!({"type": "Warning", "reason": "FailedMount", "message": "old"});
    let last = json!({"type": "Warning", "reason": "FailedCreate", "message": "violates PodSecurity \"restricted:latest\": privileged"});
    let said = event_cause(&[&first, &last, &normal]);
    assert_eq!(said.as_deref(), Some("FailedCreate: violates PodSecurity \"restricted:latest\": privileged"));
}

#[test]
fn a_job_that_tries_again_tells_what_ended_it_last() {
    let job = json!({"kind": "Job"});
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "redis at cache.example:6379: no such host\n"}});
    let first = container(json!({"ready": true, "started": true, "state": {"running": {}}}));
    assert_eq!(cause("auth", Some(&job), &[&first]), None);
    let again = json!({"ready": true, "started": true, "restartCount": 1, "state": {"running": {}}, "lastState": ended});
    let told = cause("auth", Some(&job), &[&container(again.clone())]).expect("a cause");
    assert!(told.ends_with("exit 1: redis at cache.example:6379: no such host"), "{told}");
    // What has a probe and is ready has nothing wrong with it, whatever came before.
    assert_eq!(cause("auth", Some(&json!({"kind": "Deployment"})), &[&container(again)]), None);
}
