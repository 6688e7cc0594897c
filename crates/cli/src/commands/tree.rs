//! A platform as a tree of tiers and parts. Pure.

use super::full_name;
use crate::screen::Paint;
use operator::api::{
    Health, OrionPlatform, OrionPlatformStatus, RotationPhase, TierPhase, TierStatus, UnitStatus,
};

/// Ready, and about the spec as it is now.
pub(super) fn is_ready(platform: &OrionPlatform) -> bool {
    platform.status.as_ref().is_some_and(|status| {
        Some(status.observed_generation) == platform.metadata.generation
            && status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
    })
}

pub(super) fn lines(platform: &OrionPlatform, paint: Paint) -> Vec<String> {
    let Some(status) = platform.status.as_ref().filter(|status| status.phase.is_some()) else {
        return vec![format!(
            "{} {}: the operator has not looked at the platform yet",
            paint.mark("·"),
            full_name(platform)
        )];
    };
    let mut lines = vec![head(platform, status, paint)];
    lines.extend(rotation(status, paint));
    for (i, tier) in status.tiers.iter().enumerate() {
        let last = i + 1 == status.tiers.len();
        lines.push(format!("{} {}", if last { "└─" } else { "├─" }, tier_line(tier, paint)));
        let units: Vec<&UnitStatus> = status.services.iter().filter(|unit| unit.tier == tier.tier).collect();
        for (j, unit) in units.iter().enumerate() {
            let stem = if last { "   " } else { "│  " };
            let branch = if j + 1 == units.len() { "└─" } else { "├─" };
            lines.push(format!("{stem}{branch} {}", unit_line(unit, paint)));
        }
    }
    lines
}

fn head(platform: &OrionPlatform, status: &OrionPlatformStatus, paint: Paint) -> String {
    let phase = status.phase.map(|phase| format!("{phase:?}")).unwrap_or_default();
    let mark = match phase.as_str() {
        _ if is_ready(platform) => "✓",
        "Degraded" | "Stalled" | "RolledBack" | "Invalid" => "✗",
        "Paused" => "·",
        _ => "▸",
    };
    let version = status.version.as_deref().unwrap_or("?");
    let message = status.message.as_deref().unwrap_or_default();
    format!("{} {}  {phase}  {version}  {message}", paint.mark(mark), full_name(platform))
        .trim_end()
        .to_owned()
}

/// The replacement of accounts, while there is one or something to say about it.
fn rotation(status: &OrionPlatformStatus, paint: Paint) -> Option<String> {
    let credentials = status.credentials.as_ref()?;
    let phase = match credentials.phase {
        RotationPhase::Settled => {
            return credentials.message.as_ref().map(|m| format!("{} {m}", paint.mark("✗")));
        }
        phase => format!("{phase:?}").to_lowercase(),
    };
    let stuck = status.conditions.iter().any(|c| c.type_ == "RotationStuck" && c.status == "True");
    let (mark, services) = (if stuck { "✗" } else { "▸" }, credentials.services.join(", "));
    let message = credentials.message.as_deref().unwrap_or_default();
    Some(format!("{} accounts: {phase} {services}  {message}", paint.mark(mark)).trim_end().to_owned())
}

fn tier_line(tier: &TierStatus, paint: Paint) -> String {
    let mark = match tier.phase {
        TierPhase::Ready => "✓",
        TierPhase::Waiting => "·",
        TierPhase::Stalled | TierPhase::Degraded => "✗",
        TierPhase::Progressing | TierPhase::Deleting => "▸",
    };
    let phase = format!("{:?}", tier.phase);
    format!(
        "{} {} {:<10} {phase:<11} {}/{}",
        paint.mark(mark),
        tier.tier,
        tier.name,
        tier.ready,
        tier.desired
    )
}

fn unit_line(unit: &UnitStatus, paint: Paint) -> String {
    let counts = format!("{}/{}", unit.ready, unit.desired);
    let message = unit.message.as_deref().unwrap_or_default();
    format!("{} {:<12} {counts:>5}  {message}", paint.mark(mark(unit)), unit.name).trim_end().to_owned()
}

/// The unit in one sign.
pub(super) fn mark(unit: &UnitStatus) -> &'static str {
    let waits = unit.message.as_deref().is_some_and(|message| message.starts_with("waits for "));
    match unit.health {
        _ if waits => "·",
        Health::Down | Health::Degraded => "✗",
        _ if unit.ready >= unit.desired => "✓",
        _ => "▸",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::{Value, json};

    pub(crate) fn platform(status: Value) -> OrionPlatform {
        let object = json!({
            "apiVersion": "orion.dev/v1alpha1", "kind": "OrionPlatform",
            "metadata": {"name": "orion", "namespace": "shop", "generation": 3},
            "spec": {}, "status": status,
        });
        serde_json::from_value(object).expect("a platform")
    }

    pub(crate) fn blocked() -> OrionPlatform {
        let unit = |name: &str, tier: i32, ready: i32, message: Option<&str>| json!({"name": name, "tier": tier, "ready": ready, "desired": 1, "message": message});
        platform(json!({
            "observedGeneration": 3, "phase": "Installing", "version": "0.1.0", "message": "auth: ImagePullBackOff",
            "tiers": [
                {"tier": 0, "name": "Data", "phase": "Ready", "ready": 1, "desired": 1},
                {"tier": 2, "name": "Auth", "phase": "Progressing", "ready": 0, "desired": 1},
                {"tier": 4, "name": "Gateway", "phase": "Waiting", "ready": 0, "desired": 1},
            ],
            "services": [
                unit("redis", 0, 1, None),
                unit("auth", 2, 0, Some("ImagePullBackOff")),
                unit("user", 3, 0, Some("waits for auth")),
                unit("gateway", 4, 0, Some("waits for auth, user")),
            ],
        }))
    }

    #[test]
    fn a_platform_is_a_tree_of_tiers_and_parts() {
        let lines = lines(&blocked(), Paint(false));
        assert_eq!(
            lines,
            [
                "▸ shop/orion  Installing  0.1.0  auth: ImagePullBackOff",
                "├─ ✓ 0 Data       Ready       1/1",
                "│  └─ ✓ redis          1/1",
                "├─ ▸ 2 Auth       Progressing 0/1",
                "│  └─ ▸ auth           0/1  ImagePullBackOff",
                "└─ · 4 Gateway    Waiting     0/1",
                "   └─ · gateway        0/1  waits for auth, user",
            ]
        );
    }

    #[test]
    fn accounts_that_are_replaced_are_a_line_of_their_own() {
        let told = |credentials: Value| {
            let status = json!({"observedGeneration": 3, "phase": "Ready", "credentials": credentials});
            lines(&platform(status), Paint(false)).get(1).cloned()
        };
        let rolling = json!({"phase": "Rolling", "services": ["auth", "user"], "message": "auth: 0/1"});
        assert_eq!(told(rolling).as_deref(), Some("▸ accounts: rolling auth, user  auth: 0/1"));
        assert_eq!(told(json!({"phase": "Settled", "lastRotation": "2026-01-01T00:00:00Z"})), None);
    }

    #[test]
    fn ready_is_about_the_spec_as_it_is_now_and_colours_are_only_where_wanted() {
        let ready = |generation: i64| {
            platform(json!({"observedGeneration": generation, "phase": "Ready", "conditions": [{
                "type": "Ready", "status": "True", "reason": "Ready", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]}))
        };
        assert!(is_ready(&ready(3)) && !is_ready(&ready(2)));
        assert!(lines(&ready(3), Paint(true))[0].contains("\x1b[32m✓"));
        assert!(!lines(&ready(3), Paint(false))[0].contains('\x1b'));
        assert!(lines(&platform(json!({})), Paint(false))[0].contains("not looked"));
    }
}
