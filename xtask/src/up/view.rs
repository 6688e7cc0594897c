//! Waits for a platform and shows how far it is, tier by tier: redrawn on a terminal, a line a change elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::images;
use crate::on::Target;
use crate::status::{self, Platform};
use crate::{progress, sh};

/// Waits until the platform is ready; when it does not get there in time the error says what is in the way.
pub fn wait_ready(target: &Target, platform: &Platform, timeout_seconds: u64) -> Result<()> {
    let start = Instant::now();
    let limit = Duration::from_secs(timeout_seconds);
    let mut view = View { terminal: std::io::stdout().is_terminal(), shown: vec![] };
    let mut refused_since = None;
    let get = ["get", "orionplatforms.orion.dev", &platform.name, "--namespace", &platform.namespace];
    loop {
        let object = target.json(&get)?;
        view.show(&lines(&object), start)?;
        if status::is_ready(&object) {
            println!("✓ {}/{} is ready, {}", platform.namespace, platform.name, progress::elapsed(start));
            return Ok(());
        }
        if object.pointer("/status/phase").is_some_and(|p| p == "Invalid") {
            bail!("the platform's spec cannot be carried out: {}", text(&object, "/status/message"));
        }
        refused_since = image_refused(&object).then(|| refused_since.unwrap_or_else(Instant::now));
        if refused_since.is_some_and(|since| since.elapsed() > images::PATIENCE) {
            bail!("{}\n{}", why(target, platform, &object, start.elapsed()), images::how_to_supply(target));
        }
        if start.elapsed() > limit {
            bail!("{}", why(target, platform, &object, limit));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

struct View {
    terminal: bool,
    shown: Vec<String>,
}

impl View {
    fn show(&mut self, lines: &[String], start: Instant) -> Result<()> {
        if self.shown == lines {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        if self.terminal {
            if !self.shown.is_empty() {
                write!(out, "\x1b[{}F\x1b[J", self.shown.len())?;
            }
            for line in lines {
                writeln!(out, "{line}")?;
            }
        } else {
            for line in lines.iter().filter(|l| !self.shown.contains(l)) {
                writeln!(out, "{line}  [{}]", progress::elapsed(start))?;
            }
        }
        out.flush()?;
        self.shown = lines.to_vec();
        Ok(())
    }
}

/// One line a tier: its state, its parts, what it waits for.
fn lines(object: &Value) -> Vec<String> {
    let list = |p: &str| object.pointer(p).and_then(Value::as_array).cloned().unwrap_or_default();
    let units = list("/status/services");
    let tiers = list("/status/tiers");
    if tiers.is_empty() {
        return vec![format!("  … {}", message(object))];
    }
    tiers.iter().map(|tier| line(tier, &units)).collect()
}

fn line(tier: &Value, units: &[Value]) -> String {
    let phase = text(tier, "/phase");
    let mark = match phase.as_str() {
        "Ready" => "✓",
        "Waiting" => "·",
        "Stalled" | "Degraded" => "✗",
        _ => "▸",
    };
    let of_tier = units.iter().filter(|u| u["tier"] == tier["tier"]);
    let parts: Vec<_> = of_tier.clone().map(part).collect();
    let counts = format!("{}/{}", tier["ready"], tier["desired"]);
    let waits = text(tier, "/blockedBy");
    let waits = if waits.is_empty() { waits } else { format!("  ({waits})") };
    format!(
        "  {mark} {} {:<10} {phase:<11} {counts:>4}  {}{waits}",
        tier["tier"],
        text(tier, "/name"),
        parts.join(" ")
    )
}

fn part(unit: &Value) -> String {
    let ready = unit["ready"].as_i64() >= unit["desired"].as_i64() && unit["desired"].as_i64() > Some(0);
    format!("{}{}", text(unit, "/name"), if ready { "✓" } else { "…" })
}

fn message(object: &Value) -> String {
    let said = text(object, "/status/message");
    if said.is_empty() { "the operator has not looked at the platform yet".into() } else { said }
}

/// Whether the nodes cannot get the image of a service of ours. A store's is large and comes from elsewhere: fetching
/// it again may take minutes and still go well.
fn image_refused(object: &Value) -> bool {
    let units = object.pointer("/status/services").and_then(Value::as_array).into_iter().flatten();
    let mut services = units.filter(|u| catalog::SERVICES.iter().any(|s| u["name"] == s.name));
    services.any(|u| u["message"].as_str().is_some_and(images::cannot_be_had))
}

fn why(target: &Target, platform: &Platform, object: &Value, limit: Duration) -> String {
    let (namespace, name) = (&platform.namespace, &platform.name);
    let mut said =
        format!("{namespace}/{name} is not ready after {}: {}", progress::duration(limit), message(object));
    for (path, field) in [("/status/tiers", "/blockedBy"), ("/status/services", "/message")] {
        for part in object.pointer(path).and_then(Value::as_array).into_iter().flatten() {
            let reason = text(part, field);
            if !reason.is_empty() {
                said += &format!("\n  {}: {reason}", text(part, "/name"));
            }
        }
    }
    let pods = target.get(&["get", "pods", "--namespace", namespace]).unwrap_or_default();
    said += &format!("\n{}", sh::last_lines(pods.trim_end(), 30));
    said + &format!(
        "\nlogs: `cargo xtask logs operator`, `cargo xtask logs <unit>`; {} the cluster's own",
        target.logs()
    )
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{image_refused, lines};

    #[test]
    fn a_tier_is_one_line_with_its_parts_and_what_it_waits_for() {
        let object = json!({"status": {
            "tiers": [
                {"tier": 0, "name": "Data", "phase": "Ready", "ready": 1, "desired": 1},
                {"tier": 2, "name": "Auth", "phase": "Waiting", "ready": 0, "desired": 1, "blockedBy": "auth waits for redis"},
            ],
            "services": [
                {"name": "redis", "tier": 0, "ready": 1, "desired": 1},
                {"name": "auth", "tier": 2, "ready": 0, "desired": 1},
            ],
        }});
        let lines = lines(&object);
        assert_eq!(lines[0].trim(), "✓ 0 Data       Ready        1/1  redis✓");
        assert_eq!(lines[1].trim(), "· 2 Auth       Waiting      0/1  auth…  (auth waits for redis)");
    }

    #[test]
    fn only_a_service_whose_image_cannot_be_had_ends_the_wait() {
        let unit =
            |name: &str, message: &str| json!({"status": {"services": [{"name": name, "message": message}]}});
        assert!(image_refused(&unit("auth", "ImagePullBackOff: example.com/auth:1: not found")));
        assert!(!image_refused(&unit("auth", "has not answered its startup probe yet")));
        assert!(!image_refused(&unit("postgres", "ImagePullBackOff: docker.io/x: too many requests")));
        assert!(!image_refused(&json!({})));
    }

    #[test]
    fn a_platform_without_status_says_that_nobody_looked_yet() {
        assert_eq!(lines(&json!({})), ["  … the operator has not looked at the platform yet"]);
    }
}
