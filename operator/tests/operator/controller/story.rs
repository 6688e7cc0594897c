//! A small platform over time, for the tests of its status.

use catalog::Tier;
use operator::api::{Health, OrionPlatformStatus, TierPhase};
use operator::controller::observe::Observed;
use operator::controller::readiness::Readiness;
use operator::controller::status::{Facts, build};
use operator::plan::UnitKind;
use operator::revision::Held;
use operator::rollout::{Live, Subject, decide};
use std::time::Duration;

/// A platform of three units in three tiers over time.
pub(crate) struct Story {
    units: Vec<Observed>,
    pub(crate) status: OrionPlatformStatus,
    generation: i64,
    revision: &'static str,
    /// Seconds since the start.
    time: i64,
    pub(crate) paused: bool,
    pub(crate) stuck: Option<String>,
    pub(crate) held: Option<Held>,
    pub(crate) roll_back: bool,
}

pub(crate) const READY: Readiness =
    Readiness { ready: 1, desired: 1, settled: true, serving: true, failed: false };
pub(crate) const GONE: Readiness =
    Readiness { ready: 0, desired: 1, settled: false, serving: false, failed: false };
pub(crate) const ROLLING: Readiness =
    Readiness { ready: 1, desired: 1, settled: false, serving: true, failed: false };

fn unit(name: &str, tier: Tier, needs: &[&str]) -> Observed {
    Observed {
        name: name.to_owned(),
        kind: if tier == Tier::Data { UnitKind::Store } else { UnitKind::Service },
        tier,
        needs: needs.iter().map(|n| (*n).to_owned()).collect(),
        live: Live::Absent,
        readiness: GONE,
        image: None,
        health: Health::Unknown,
        cause: None,
        lacks: None,
        held: None,
        objects: Vec::new(),
    }
}

impl Story {
    pub(crate) fn new() -> Self {
        let units = vec![
            unit("postgres", Tier::Data, &[]),
            unit("auth", Tier::Auth, &["postgres"]),
            unit("user", Tier::Business, &["auth"]),
        ];
        let status = OrionPlatformStatus::default();
        Self {
            units,
            status,
            generation: 1,
            revision: "one",
            time: 0,
            paused: false,
            stuck: None,
            held: None,
            roll_back: false,
        }
    }

    pub(crate) fn installed() -> Self {
        let mut story = Self::new();
        for name in ["postgres", "auth", "user"] {
            story.is(name, Live::Current, READY);
        }
        story.after(0);
        story
    }

    pub(crate) fn is(&mut self, name: &str, live: Live, readiness: Readiness) -> &mut Observed {
        let unit = self.units.iter_mut().find(|u| u.name == name).expect("a unit");
        (unit.live, unit.readiness) = (live, readiness);
        unit
    }

    pub(crate) fn edit(&mut self, revision: &'static str) {
        self.generation += 1;
        self.revision = revision;
    }

    /// Looks at it `seconds` later.
    pub(crate) fn after(&mut self, seconds: i64) -> &OrionPlatformStatus {
        self.time += seconds;
        let subjects: Vec<Subject> = self.units.iter().map(Observed::subject).collect();
        let decisions = decide(&subjects, self.status.last_good_revision.is_some());
        self.status = build(&Facts {
            before: &self.status,
            generation: self.generation,
            now: k8s_openapi::jiff::Timestamp::from_second(self.time).expect("a time"),
            timeout: Duration::from_secs(60),
            version: "1.0.0",
            revision: self.revision,
            held: self.held.as_ref(),
            available: None,
            roll_back: self.roll_back,
            paused: self.paused,
            url: None,
            stuck: self.stuck.as_deref(),
            units: &self.units,
            decisions: &decisions,
            rotation: None,
        });
        &self.status
    }

    pub(crate) fn condition(&self, kind: &str) -> &str {
        let condition = self.status.conditions.iter().find(|c| c.type_ == kind);
        condition.map_or("", |c| c.status.as_str())
    }

    pub(crate) fn message(&self) -> &str {
        self.status.message.as_deref().unwrap_or_default()
    }

    pub(crate) fn tier(&self, number: i32) -> TierPhase {
        self.status.tiers.iter().find(|t| t.tier == number).expect("a tier").phase
    }
}
