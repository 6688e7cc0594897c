//! How long it takes from an edit of a platform to the operator's first write for it: what the API server's own clock says
//! in its audit log. The first write for a new spec is its revision, which is stored before anything is applied.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::{Value, json};

use super::stage::{Stage, of};
use crate::progress;
use crate::status::OPERATOR_NAMESPACE;

/// Between two edits: what the one sets off is mostly over when the next one comes.
const PAUSE: Duration = Duration::from_millis(400);
/// For what the last ones set off, and for the log to be written.
const REST: Duration = Duration::from_secs(5);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delays {
    pub(super) count: usize,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) longest: f64,
}

/// Edits as many platforms one after the other, each as many times.
pub(super) fn time(stage: &Stage, platforms: usize, times: usize) -> Result<Delays> {
    let (log, begin) = stage.audit()?;
    progress::step(&format!("edit {} times", platforms * times), || {
        for n in 0..platforms * times {
            let (namespace, name) = of(n % platforms);
            let env = json!([{"name": "EDITED", "value": format!("{begin}-{n}")}]);
            let patch = json!({"spec": {"services": [{"name": "gateway", "env": env}]}}).to_string();
            stage.target.get(&["patch", "orion", &name, "-n", &namespace, "--type=merge", "-p", &patch])?;
            std::thread::sleep(PAUSE);
        }
        std::thread::sleep(REST);
        Ok(())
    })?;
    let mut delays = read(&log, begin)?;
    if delays.len() < platforms * times {
        bail!("of {} edits the operator wrote for {} only", platforms * times, delays.len());
    }
    delays.sort_by(f64::total_cmp);
    let rank = |percent: usize| delays[(delays.len() * percent).div_ceil(100).max(1) - 1];
    Ok(Delays { count: delays.len(), p50: rank(50), p99: rank(99), longest: rank(100) })
}

fn read(log: &Path, begin: u64) -> Result<Vec<f64>> {
    let mut file = std::fs::File::open(log)?;
    file.seek(SeekFrom::Start(begin))?;
    let operator = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:");
    // When an edit came that the operator has not written for yet, by namespace and platform.
    let mut open = HashMap::<(String, String), f64>::new();
    let mut events = Vec::new();
    for line in BufReader::new(file).lines() {
        // The last line may be half written.
        let Ok(event) = serde_json::from_str::<Value>(&line?) else { continue };
        if event["stage"] == "ResponseComplete" {
            events.push((seconds(&event)?, event));
        }
    }
    // The log is in the order of the answers.
    events.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut delays = Vec::new();
    for (at, event) in events {
        let text = |p: &str| event.pointer(p).and_then(Value::as_str).unwrap_or_default();
        let by_operator = text("/user/username").starts_with(&operator);
        let (namespace, name) = (text("/objectRef/namespace"), text("/objectRef/name"));
        let edited =
            text("/objectRef/resource") == "orionplatforms" && text("/objectRef/subresource").is_empty();
        if edited && !by_operator && text("/verb") == "patch" {
            open.insert((namespace.to_owned(), name.to_owned()), at);
        }
        let stores = text("/objectRef/resource") == "controllerrevisions";
        if stores && by_operator && !["get", "list", "watch", "delete"].contains(&text("/verb")) {
            let platform = name.split('-').next().unwrap_or_default();
            let edited = open.remove(&(namespace.to_owned(), platform.to_owned()));
            delays.extend(edited.map(|edited| at - edited));
        }
    }
    Ok(delays)
}

/// When the API server received a request, in seconds since midnight.
fn seconds(event: &Value) -> Result<f64> {
    let time = event["requestReceivedTimestamp"].as_str().unwrap_or_default();
    let clock = time.split_once('T').map(|(_, clock)| clock.trim_end_matches('Z'));
    let parts = clock.into_iter().flat_map(|clock| clock.split(':')).map(str::parse);
    let parts: Vec<f64> =
        parts.collect::<Result<_, _>>().with_context(|| format!("a strange time: {time}"))?;
    Ok(parts.iter().fold(0.0, |sum, part| sum * 60.0 + part))
}
