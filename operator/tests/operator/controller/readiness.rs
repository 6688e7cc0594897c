//! When a Job counts as done.

use operator::controller::readiness::is_done_by;
use serde_json::{Value, json};

fn pod(job: &str, phase: &str) -> Value {
    json!({
        "kind": "Pod", "metadata": {"labels": {"batch.kubernetes.io/controller-uid": job}},
        "status": {"phase": phase},
    })
}

#[test]
fn a_job_is_done_as_soon_as_its_own_pod_is_and_by_no_other_pod() {
    let job = json!({"kind": "Job", "metadata": {"name": "orion-provision-1", "uid": "this"}});
    let done = |pods: &[Value]| is_done_by(&job, &pods.iter().collect::<Vec<_>>());
    assert!(done(&[pod("this", "Failed"), pod("this", "Succeeded")]));
    assert!(!done(&[pod("this", "Running")]));
    // Of one of the same name that was there before.
    assert!(!done(&[pod("another", "Succeeded"), pod("this", "Pending")]));
    assert!(!done(&[]));
    let deployment = json!({"kind": "Deployment", "metadata": {"uid": "this"}});
    assert!(!is_done_by(&deployment, &[&pod("this", "Succeeded")]));
}
