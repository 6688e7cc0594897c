//! `orion why`: what is in the way of one part, down to the root cause.

use super::tree;
use crate::screen::Screen;
use crate::session::Session;
use anyhow::{Result, anyhow};
use operator::api::{OrionPlatform, OrionPlatformStatus, UnitStatus};
use std::collections::BTreeSet;

pub(crate) async fn run(
    session: &Session,
    service: &str,
    platform: Option<&str>,
    screen: &mut Screen<'_>,
) -> Result<()> {
    let platform = session.platform(platform).await?;
    screen.say(&lines(&platform, service)?.join("\n"))?;
    Ok(())
}

fn lines(platform: &OrionPlatform, service: &str) -> Result<Vec<String>> {
    let status = platform.status.clone().unwrap_or_default();
    let unit = status.services.iter().find(|unit| unit.name == service).ok_or_else(|| {
        let names: Vec<&str> = status.services.iter().map(|unit| unit.name.as_str()).collect();
        anyhow!(
            "the platform has no part {service}: it has {}",
            if names.is_empty() { "none yet".into() } else { names.join(", ") }
        )
    })?;
    if tree::mark(unit) == "✓" && unit.message.is_none() {
        return Ok(vec![format!(
            "{service} is ready ({}/{}): nothing is in its way",
            unit.ready, unit.desired
        )]);
    }
    let mut walk = Walk { status: &status, lines: vec![], causes: vec![], seen: BTreeSet::new() };
    walk.down(unit, 0);
    let Walk { mut lines, causes, .. } = walk;
    lines.extend(causes.iter().map(|cause| format!("root cause: {cause}")));
    Ok(lines)
}

struct Walk<'a> {
    status: &'a OrionPlatformStatus,
    lines: Vec<String>,
    causes: Vec<String>,
    seen: BTreeSet<&'a str>,
}

impl<'a> Walk<'a> {
    fn down(&mut self, unit: &'a UnitStatus, depth: usize) {
        let said =
            unit.message.clone().unwrap_or_else(|| format!("{} of {} ready", unit.ready, unit.desired));
        let line = format!("{}: {said}", unit.name);
        let indent = "  ".repeat(depth);
        if !self.seen.insert(&unit.name) {
            self.lines.push(format!("{indent}{line} (as above)"));
            return;
        }
        self.lines.push(format!("{indent}{line}"));
        let Some(on) = unit.message.as_deref().and_then(|message| message.strip_prefix("waits for ")) else {
            self.causes.push(line);
            return;
        };
        for name in on.split(", ") {
            match self.status.services.iter().find(|unit| unit.name == name) {
                Some(unit) if tree::mark(unit) == "✓" => {
                    self.lines.push(format!("{indent}  {name}: is ready by now"));
                }
                Some(unit) => self.down(unit, depth + 1),
                None => self.causes.push(format!("{name}: nothing is known of it")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{lines, tree::tests::blocked};

    #[test]
    fn what_a_part_waits_for_is_followed_down_to_the_root_cause() {
        assert_eq!(
            lines(&blocked(), "gateway").unwrap(),
            [
                "gateway: waits for auth, user",
                "  auth: ImagePullBackOff",
                "  user: waits for auth",
                "    auth: ImagePullBackOff (as above)",
                "root cause: auth: ImagePullBackOff",
            ]
        );
    }

    #[test]
    fn a_ready_part_has_nothing_in_its_way_and_an_unknown_one_is_told_the_names() {
        assert_eq!(lines(&blocked(), "redis").unwrap(), ["redis is ready (1/1): nothing is in its way"]);
        assert!(lines(&blocked(), "search").unwrap_err().to_string().contains("redis, auth, user, gateway"));
    }
}
