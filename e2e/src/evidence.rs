//! What a failed test leaves behind: enough to find the cause without running it again.

use std::path::Path;

use anyhow::{Error, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, ResourceExt};

use crate::arena::Arena;
use crate::tools;

/// Best effort: what can't be had is said in its file.
pub async fn keep(arena: &Arena, place: &Path, error: &Error) {
    let _ = std::fs::remove_dir_all(place);
    if let Err(error) = std::fs::create_dir_all(place.join("logs")) {
        eprintln!("can't keep anything in {}: {error}", place.display());
        return;
    }
    write(place, "error.txt", &format!("{error:?}\n"));
    let namespaced = ["-n", arena.namespace.as_str()];
    // Secrets by name only: a report may travel.
    let files: [(&str, &[&str]); 7] = [
        ("platform.yaml", &["get", "orionplatforms", "-o", "yaml", "--show-managed-fields"]),
        ("pods.txt", &["get", "pods", "-o", "wide"]),
        ("pods.yaml", &["get", "pods", "-o", "yaml"]),
        ("describe.txt", &["describe", "pods"]),
        ("events.txt", &["get", "events", "--sort-by=.lastTimestamp", "-o", "wide"]),
        (
            "objects.yaml",
            &[
                "get",
                "deployments,statefulsets,jobs,services,configmaps,persistentvolumeclaims,leases",
                "-o",
                "yaml",
            ],
        ),
        ("names.txt", &["get", "all,secrets,serviceaccounts,configmaps,pvc", "--show-labels"]),
    ];
    for (file, arguments) in files {
        let text = tools::kubectl(&arena.ground.cluster, &[arguments, &namespaced[..]].concat()).await;
        write(place, file, &text.unwrap_or_else(|error| format!("{error:#}\n")));
    }
    if let Err(error) = logs(arena, &place.join("logs")).await {
        write(place, "logs/error.txt", &format!("{error:#}\n"));
    }
}

async fn logs(arena: &Arena, place: &Path) -> Result<()> {
    let pods: Api<Pod> = arena.api();
    for pod in pods.list(&ListParams::default()).await? {
        let spec = pod.spec.clone().unwrap_or_default();
        let containers = spec.init_containers.unwrap_or_default().into_iter().chain(spec.containers);
        for container in containers {
            for previous in [false, true] {
                let wanted =
                    LogParams { container: Some(container.name.clone()), previous, ..LogParams::default() };
                let suffix = if previous { "-previous" } else { "" };
                if let Ok(text) = pods.logs(&pod.name_any(), &wanted).await {
                    write(place, &format!("{}-{}{suffix}.log", pod.name_any(), container.name), &text);
                }
            }
        }
    }
    Ok(())
}

fn write(place: &Path, file: &str, text: &str) {
    if let Err(error) = std::fs::write(place.join(file), text) {
        eprintln!("can't write {file}: {error}");
    }
}
