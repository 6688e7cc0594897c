//! Which backups have had their time. Pure.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::strtime;

use super::document::Retention;

const FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// After so long nobody works on a backup any more: its Job has been ended. What is incomplete by then is left over.
pub const ABANDONED: Duration = Duration::from_secs(12 * 60 * 60);

/// A backup is named by when it was begun, so that names sort by age: `20261124T184200Z`.
pub fn name_of(begun: Timestamp) -> String {
    begun.strftime(FORMAT).to_string()
}

/// None for a name that is no backup's.
pub fn begun(name: &str) -> Option<Timestamp> {
    // Parsing alone would also take what is written in another way.
    let time = strtime::parse(FORMAT, name).ok()?.to_datetime().ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    (name_of(time) == name).then_some(time)
}

/// The complete backups that are to go. The newest never does, however old it is.
pub fn superfluous(complete: &[String], retention: Retention, now: Timestamp) -> Vec<String> {
    let mut names: Vec<(&String, Timestamp)> =
        complete.iter().filter_map(|name| Some((name, begun(name)?))).collect();
    names.sort_by(|a, b| b.cmp(a));
    let beyond = |index: usize| retention.keep_last.is_some_and(|keep| index >= keep.max(1));
    let age = |time: Timestamp| u64::try_from(now.as_second() - time.as_second()).unwrap_or(0);
    let too_old = |time| retention.max_age_seconds.is_some_and(|most| age(time) > most);
    let gone = names.iter().enumerate().skip(1).filter(|(index, (_, time))| beyond(*index) || too_old(*time));
    gone.map(|(_, (name, _))| (*name).clone()).collect()
}

/// The incomplete backups that nobody works on any more.
pub fn abandoned(incomplete: &[String], now: Timestamp) -> Vec<String> {
    let left = |name: &&String| {
        begun(name).is_some_and(|time| now.duration_since(time) > ABANDONED.try_into().unwrap_or_default())
    };
    incomplete.iter().filter(left).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn names(days: std::ops::RangeInclusive<u32>) -> Vec<String> {
        days.map(|day| format!("202611{day:02}T030000Z")).collect()
    }

    fn keep(keep_last: Option<usize>, days: Option<u64>) -> Retention {
        Retention { keep_last, max_age_seconds: days.map(|d| d * 86_400) }
    }

    #[test]
    fn a_name_says_when_and_nothing_else_is_taken_for_one() {
        let name = name_of(at("2026-11-24T18:42:00Z"));
        assert_eq!(name, "20261124T184200Z");
        assert_eq!(begun(&name), Some(at("2026-11-24T18:42:00Z")));
        for other in
            ["", "lost+found", "20261124T184200", "2026-11-24", "20261324T184200Z", "20261124T184200Z.old"]
        {
            assert_eq!(begun(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_beyond_the_count_or_too_old_goes() {
        let (all, now) = (names(1..=10), at("2026-11-10T04:00:00Z"));
        assert_eq!(superfluous(&all, keep(Some(7), None), now).len(), 3);
        assert_eq!(superfluous(&all, keep(None, Some(2)), now).len(), 8);
        assert_eq!(superfluous(&all, keep(Some(7), Some(2)), now).len(), 8);
        assert_eq!(superfluous(&all, keep(Some(1), Some(2)), now).len(), 9);
        assert!(superfluous(&all, keep(None, None), now).is_empty());
    }

    #[test]
    fn the_newest_never_goes_and_what_is_no_backup_is_never_touched() {
        let all = vec!["20200101T000000Z".to_owned(), "notes".to_owned()];
        assert!(superfluous(&all, keep(Some(1), Some(1)), at("2026-11-10T04:00:00Z")).is_empty());
        assert!(superfluous(&all, keep(Some(0), None), at("2026-11-10T04:00:00Z")).is_empty());
    }

    #[test]
    fn what_is_incomplete_goes_only_when_nobody_can_work_on_it_any_more() {
        let all = vec!["20261110T030000Z".to_owned(), "20261109T030000Z".to_owned()];
        assert_eq!(abandoned(&all, at("2026-11-10T04:00:00Z")), ["20261109T030000Z"]);
    }
}
