//! The schedules of CronJobs: whether one can be carried out, and how long it leaves between two times at most. Pure.

use jiff::civil::{Date, date};

/// A schedule as sets of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Minutes of a day at which it is due.
    minutes: Vec<i64>,
    days: Vec<i8>,
    months: Vec<i8>,
    weekdays: Vec<i8>,
    /// Neither day of the month nor of the week is `*`: one of them is enough then.
    either: bool,
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Schedule {
    /// Minute, hour, day of the month, month, day of the week; or what is wrong with them.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        let fields: Vec<&str> = text.split(' ').collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!("{text:?} has {} fields: write five, as in \"0 3 * * *\"", fields.len()));
        };
        let minutes = values("minute", minute, 0, 59, &[])?;
        let hours = values("hour", hour, 0, 23, &[])?;
        let schedule = Schedule {
            minutes: hours
                .iter()
                .flat_map(|h| minutes.iter().map(|m| i64::from(*h) * 60 + i64::from(*m)))
                .collect(),
            days: values("day of the month", day, 1, 31, &[])?,
            months: values("month", month, 1, 12, MONTHS)?,
            weekdays: values("day of the week", weekday, 0, 6, WEEKDAYS)?,
            either: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        match schedule.longest_gap() {
            0 => Err(format!("{text:?} is never due: no such day is in any of those months")),
            _ => Ok(schedule),
        }
    }

    /// The longest time between two backups, in seconds; 0 if there are never two.
    pub fn longest_gap(&self) -> u64 {
        let (Some(first), Some(last)) = (self.minutes.first(), self.minutes.last()) else { return 0 };
        let within = self.minutes.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        // Eight years: also over a year that is no leap year.
        let (from, to) = (date(2096, 1, 1), date(2105, 1, 1));
        let (mut before, mut longest): (Option<Date>, i64) = (None, within);
        for day in
            from.series(jiff::Span::new().days(1)).take_while(|day| *day < to).filter(|d| self.is_on(*d))
        {
            if let Some(before) = before {
                let days = i64::from(before.until(day).map_or(1, |span| span.get_days()));
                longest = longest.max(days * 24 * 60 - last + first);
            }
            before = Some(day);
        }
        match before {
            None => 0,
            Some(_) => u64::try_from(longest * 60).unwrap_or(0),
        }
    }

    fn is_on(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        let (day, week) = (self.days.contains(&date.day()), self.weekdays.contains(&weekday));
        self.months.contains(&date.month()) && if self.either { day || week } else { day && week }
    }
}

/// One field: `*`, numbers, names, ranges, steps, with commas between them.
fn values(what: &str, field: &str, least: i8, most: i8, names: &[&str]) -> Result<Vec<i8>, String> {
    let wrong = || {
        format!("{field:?} is no {what}: write {least} to {most}, *, a range as in 1-5 or a step as in */2")
    };
    let number = |text: &str| -> Option<i8> {
        let upper = text.to_ascii_uppercase();
        let named = names.iter().position(|name| *name == upper).and_then(|n| i8::try_from(n).ok());
        let value = named.map(|n| n + least).or_else(|| text.parse().ok())?;
        (least..=most).contains(&value).then_some(value)
    };
    let mut found = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, step.parse::<usize>().ok().filter(|step| *step > 0).ok_or_else(wrong)?)
            }
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from).ok_or_else(wrong)?, number(to).ok_or_else(wrong)?),
            // A step goes on from a number to the end.
            None => {
                let one = number(range).ok_or_else(wrong)?;
                (one, if part.contains('/') { most } else { one })
            }
        };
        if from > to {
            return Err(wrong());
        }
        found.extend((from..=to).step_by(step));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_between_two_backups_is_that_of_the_calendar() {
        const HOUR: u64 = 3600;
        for (text, hours) in [
            ("0 3 * * *", 24),
            ("0 * * * *", 1),
            ("0 */6 * * *", 6),
            ("0 8,20 * * *", 12),
            ("0 9-17 * * *", 16),
            ("0 3 * * mon-FRI", 72),
            ("0 3 1 * *", 31 * 24),
            ("0 3 1 JAN *", 366 * 24),
            // Either of them.
            ("0 3 1 * 0", 7 * 24),
            // 2096 to 2104: 2100 has none.
            ("0 3 29 2 *", 2921 * 24),
        ] {
            assert_eq!(Schedule::parse(text).unwrap().longest_gap(), hours * HOUR, "{text}");
        }
        assert_eq!(Schedule::parse("*/15 * * * *").unwrap().longest_gap(), HOUR / 4);
    }

    #[test]
    fn what_is_never_due_or_no_schedule_says_what_to_write() {
        for (text, says) in [
            ("60 3 * * *", "\"60\" is no minute: write 0 to 59"),
            ("0 24 * * *", "is no hour"),
            ("0 3 0 * *", "is no day of the month"),
            ("0 3 * FOO *", "is no month"),
            ("0 3 * * 7", "is no day of the week: write 0 to 6"),
            ("0 3 5-1 * *", "is no day of the month"),
            ("*/0 * * * *", "is no minute"),
            ("0 3 30 2 *", "is never due"),
            ("@daily", "has 1 fields: write five"),
        ] {
            let said = Schedule::parse(text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
