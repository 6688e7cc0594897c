//! What the operator costs when there is nothing to do: memory, CPU, and every call it makes, from the API server's own
//! audit log.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use super::{Bench, keep, mebibytes, row, stats, table};
use crate::progress;
use crate::status::OPERATOR_NAMESPACE;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Idle {
    seconds: u64,
    working_set_bytes: u64,
    cpu_millicores: f64,
    /// Verb and resource, a minute; null where the cluster keeps no audit log.
    calls_per_minute: Option<BTreeMap<String, f64>>,
}

pub(super) fn measure(bench: &Bench, time: Duration) -> Result<()> {
    let audit = bench.target.audit_log();
    let begin = audit.as_deref().map(|log| std::fs::metadata(log).map(|m| m.len())).transpose()?;
    let before = operator(bench)?;
    progress::step(&format!("watch the operator do nothing for {} s", time.as_secs()), || {
        std::thread::sleep(time);
        Ok(())
    })?;
    let after = operator(bench)?;
    let calls = match (audit, begin) {
        (Some(log), Some(begin)) => Some(calls(&log, begin, time)?),
        _ => None,
    };
    let cpu_millicores = (after.cpu_seconds - before.cpu_seconds) / time.as_secs_f64() * 1000.0;
    show(&after, cpu_millicores, calls.as_ref());
    let working_set_bytes = after.working_set;
    keep(
        "idle",
        &Idle { seconds: time.as_secs(), working_set_bytes, cpu_millicores, calls_per_minute: calls },
    )
}

fn show(usage: &stats::Usage, cpu: f64, calls: Option<&BTreeMap<String, f64>>) {
    let mut rows = vec![row(&["memory, working set", &mebibytes(usage.working_set)])];
    rows.push(row(&["memory, resident", &mebibytes(usage.resident)]));
    rows.push(row(&["CPU", &format!("{cpu:.2} millicores")]));
    match calls {
        Some(calls) => {
            let total: f64 = calls.values().sum();
            rows.push(row(&["API calls", &format!("{total:.1} a minute")]));
            rows.extend(calls.iter().map(|(call, n)| vec![format!("  {call}"), format!("{n:.1} a minute")]));
        }
        None => rows.push(row(&["API calls", "unknown: no audit log"])),
    }
    table("idle: the operator with one platform that is ready", &rows);
}

/// The operator's container; of several the one that works, which is the one that used most.
fn operator(bench: &Bench) -> Result<stats::Usage> {
    let all = stats::usage(&bench.target)?;
    let ours = all.into_iter().filter(|u| u.namespace == OPERATOR_NAMESPACE && u.container == "operator");
    let ours = ours.max_by(|a, b| a.cpu_seconds.total_cmp(&b.cpu_seconds));
    ours.context("the kubelets know no container `operator`")
}

pub(super) fn calls(log: &Path, begin: u64, time: Duration) -> Result<BTreeMap<String, f64>> {
    let mut file = std::fs::File::open(log)?;
    file.seek(SeekFrom::Start(begin))?;
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:");
    let mut counted = BTreeMap::<String, f64>::new();
    for line in BufReader::new(file).lines() {
        // The last line may be half written.
        let Ok(event) = serde_json::from_str::<Value>(&line?) else { continue };
        let text = |p: &str| event.pointer(p).and_then(Value::as_str).unwrap_or_default();
        // A watch is answered at once and completed when it ends: counted when it begins.
        let wanted = if text("/verb") == "watch" { "ResponseStarted" } else { "ResponseComplete" };
        if text("/stage") == wanted && text("/user/username").starts_with(&user) {
            let call = format!("{} {}", text("/verb"), text("/objectRef/resource"));
            *counted.entry(call).or_default() += 60.0 / time.as_secs_f64();
        }
    }
    Ok(counted)
}
