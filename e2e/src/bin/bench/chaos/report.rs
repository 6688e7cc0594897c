//! What came of the faults, a row for each kind.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::time::Duration;

use anyhow::{Result, bail};
use e2e::load::{Checked, Record};
use serde::Serialize;
use xtask::bench::report::{keep, median, row, seconds, table};

use super::LIMIT;
use super::fault::Kind;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Round {
    #[serde(skip)]
    kind: Kind,
    fault: &'static str,
    /// What was broken.
    what: String,
    /// From the fault until nothing was amiss; null where that took too long.
    pub(super) healed_seconds: Option<f64>,
    requests: usize,
    /// Refused with 503 and Retry-After, as they are to be while a store is away.
    told_to_try_again: usize,
    /// In any other way, and how many.
    failed_otherwise: BTreeMap<&'static str, usize>,
}

impl Round {
    pub(super) fn new(kind: Kind, what: String, healed: Option<Duration>, record: &Record) -> Round {
        let (told, others): (Vec<_>, Vec<_>) =
            record.failed().into_iter().cloned().partition(|call| call.asks_to_try_again());
        Round {
            kind,
            fault: kind.told(),
            what,
            healed_seconds: healed.map(|time| time.as_secs_f64()),
            requests: record.0.len(),
            told_to_try_again: told.len(),
            failed_otherwise: Record(others).ways(),
        }
    }

    fn others(&self) -> usize {
        self.failed_otherwise.values().sum()
    }
}

impl Display for Round {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let healed = self.healed_seconds.map_or("never".to_owned(), seconds);
        write!(f, "{} ({}): healed after {healed}; ", self.fault, self.what)?;
        write!(f, "{} requests, {} told to try again", self.requests, self.told_to_try_again)?;
        self.failed_otherwise.iter().try_for_each(|(way, count)| write!(f, ", {count} × {way}"))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    seed: u64,
    rounds: Vec<Round>,
    /// Null where the platform did not heal: nobody could be asked.
    writes: Option<Writes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Writes {
    registrations: usize,
    changes: usize,
    sign_outs: usize,
    lost: Vec<String>,
}

impl Report {
    pub(super) fn new(seed: u64, rounds: Vec<Round>, checked: Option<Checked>) -> Report {
        let writes = checked.map(|Checked { registrations, changes, sign_outs, lost }| Writes {
            registrations,
            changes,
            sign_outs,
            lost,
        });
        Report { seed, rounds, writes }
    }

    pub(super) fn show(&self) -> Result<()> {
        let mut rows = vec![row(&[
            "",
            "times",
            "to heal: half",
            "longest",
            "requests",
            "told to try again",
            "failed otherwise",
        ])];
        let mut kinds: Vec<Kind> = self.rounds.iter().map(|round| round.kind).collect();
        kinds.sort();
        kinds.dedup();
        rows.extend(kinds.into_iter().map(|kind| self.line(kind)));
        table(&format!("chaos: {} faults, seed {}", self.rounds.len(), self.seed), &rows);
        if let Some(writes) = &self.writes {
            let rows = [
                row(&["registrations acknowledged", &writes.registrations.to_string()]),
                row(&["changes of a name acknowledged", &writes.changes.to_string()]),
                row(&["sign-outs acknowledged", &writes.sign_outs.to_string()]),
                row(&["lost of them", &writes.lost.len().to_string()]),
            ];
            table("what people were promised", &rows);
            writes.lost.iter().for_each(|lost| println!("  {lost}"));
        }
        keep("chaos", self)
    }

    fn line(&self, kind: Kind) -> Vec<String> {
        let rounds: Vec<&Round> = self.rounds.iter().filter(|round| round.kind == kind).collect();
        let times: Vec<f64> = rounds.iter().filter_map(|round| round.healed_seconds).collect();
        let all = times.len() == rounds.len();
        let longest = times.iter().copied().fold(0.0, f64::max);
        let sum = |of: fn(&Round) -> usize| rounds.iter().map(|round| of(round)).sum::<usize>().to_string();
        vec![
            kind.told().to_owned(),
            rounds.len().to_string(),
            if times.is_empty() { "never".into() } else { seconds(median(&times)) },
            if all { seconds(longest) } else { "never".into() },
            sum(|round| round.requests),
            sum(|round| round.told_to_try_again),
            sum(Round::others),
        ]
    }

    /// Slow is for people to judge; lost, and not healed, is not.
    pub(super) fn judge(&self) -> Result<()> {
        if let Some(round) = self.rounds.iter().find(|round| round.healed_seconds.is_none()) {
            bail!("{} ({}): not whole within {} s", round.fault, round.what, LIMIT.as_secs());
        }
        let lost = self.writes.as_ref().map_or(0, |writes| writes.lost.len());
        if lost > 0 {
            bail!("{lost} acknowledged writes are lost");
        }
        if self.writes.as_ref().is_none_or(|writes| writes.sign_outs == 0) {
            bail!("nothing was acknowledged, so nothing is known");
        }
        Ok(())
    }
}
