//! What came of every request of a load, and how it is told.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use anyhow::{Result, bail};

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Since the load began.
    pub at: Duration,
    pub took: Duration,
    pub kind: Kind,
    pub kept: bool,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Login,
    Refresh,
    Profile,
    Register,
    Change,
    SignOut,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Good,
    /// An answer that is none of 2xx.
    Refused {
        status: u16,
        retry_after: Option<u64>,
        problem: bool,
        text: String,
    },
    /// No answer, or half of one.
    Broken(String),
}

impl Call {
    pub fn failed(&self) -> bool {
        !matches!(self.outcome, Outcome::Good)
    }

    /// In which way it failed, in short.
    fn way(&self) -> &'static str {
        match &self.outcome {
            Outcome::Good => "good",
            Outcome::Broken(_) => "no answer",
            Outcome::Refused { status: 500, .. } => "500",
            Outcome::Refused { status: 502, .. } => "502",
            Outcome::Refused { status: 503, .. } => "503",
            Outcome::Refused { status: 504, .. } => "504",
            Outcome::Refused { .. } => "another status",
        }
    }

    /// Refused as it should be while something is away: 503, worded, and with a time to try again.
    pub fn asks_to_try_again(&self) -> bool {
        matches!(self.outcome, Outcome::Refused { status: 503, retry_after: Some(1..), problem: true, .. })
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Call { at, took, kind, kept, outcome } = self;
        let connection = if *kept { "kept" } else { "fresh" };
        write!(f, "{:7.2} s {kind:?} ({connection}) after {took:.1?}: ", at.as_secs_f32())?;
        match outcome {
            Outcome::Good => f.write_str("good"),
            Outcome::Refused { status, retry_after: Some(after), text, .. } => {
                write!(f, "{status}, retry after {after} s: {text}")
            }
            Outcome::Refused { status, text, .. } => write!(f, "{status}: {text}"),
            Outcome::Broken(why) => write!(f, "no answer: {why}"),
        }
    }
}

/// Requests, in the order in which they ended.
#[derive(Clone, Debug)]
pub struct Record(pub Vec<Call>);

impl Record {
    pub fn failed(&self) -> Vec<&Call> {
        self.0.iter().filter(|call| call.failed()).collect()
    }

    /// From the first request that failed to the end of the last that did.
    pub fn gap(&self) -> Option<Duration> {
        let failed = self.failed();
        let first = failed.iter().map(|call| call.at).min()?;
        failed.iter().map(|call| call.at + call.took).max().map(|last| last - first)
    }

    /// In which ways requests failed, and how many in each.
    pub fn ways(&self) -> BTreeMap<&'static str, usize> {
        let mut ways = BTreeMap::new();
        self.failed().iter().for_each(|call| *ways.entry(call.way()).or_default() += 1);
        ways
    }

    /// How long this share of the requests took at most: 0.5 is the median.
    pub fn took(&self, share: f64) -> Duration {
        let mut took: Vec<Duration> = self.0.iter().map(|call| call.took).collect();
        took.sort();
        took.get((took.len() as f64 * share) as usize).or(took.last()).copied().unwrap_or_default()
    }

    /// Not one failed.
    pub fn unharmed(&self, during: &str) -> Result<()> {
        self.only(during, |_| false)
    }

    /// Whatever failed did so in this way.
    pub fn only(&self, during: &str, allowed: impl Fn(&Call) -> bool) -> Result<()> {
        if self.0.is_empty() {
            bail!("{during}: nothing was asked, so nothing is known");
        }
        let wrong: Vec<String> =
            self.failed().into_iter().filter(|call| !allowed(call)).map(ToString::to_string).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        bail!("{during}: {self}, and {} as they must not:\n{}", wrong.len(), wrong.join("\n"))
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [half, most, all] = [0.5, 0.99, 1.0].map(|share| self.took(share));
        write!(f, "{} requests (p50 {half:.1?}, p99 {most:.1?}, longest {all:.1?})", self.0.len())?;
        let Some(gap) = self.gap() else { return f.write_str(", none failed") };
        let ways: Vec<String> = self.ways().iter().map(|(way, count)| format!("{count} × {way}")).collect();
        write!(f, ", {} failed within {gap:.1?}: {}", self.failed().len(), ways.join(", "))
    }
}
