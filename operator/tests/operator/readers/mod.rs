//! What those make of a platform who watch it: Argo CD, Flux, kstatus and Prometheus, by their own code.
//!
//! It is a part beside those of a cluster, `readers`; the first run builds it, which takes minutes.

mod figures;
mod health;

use serde::Deserialize;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

#[derive(Debug, Default, Deserialize)]
struct Answer {
    /// One an object.
    statuses: Vec<Status>,
    /// What Prometheus' linter says of figures.
    problems: Vec<String>,
    /// The alerts of each scene.
    firing: Vec<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    argo: String,
    argo_message: String,
    flux: String,
    kstatus: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the repository")
}

fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file.
fn documents(path: &str) -> Vec<Value> {
    let text = file(path);
    let parse = |text: &str| serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.split("\n---\n").map(parse).collect()
}

fn read(request: &Value) -> Answer {
    let program = cluster::part_binary("readers").expect("it can be built");
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(request.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "readers failed: what it says is above");
    serde_json::from_slice(&output.stdout).expect("its answer is JSON")
}
