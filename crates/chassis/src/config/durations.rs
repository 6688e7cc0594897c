//! Durations as people write them: a whole number with its unit.

use std::time::Duration;

const UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a duration: write a whole number and ms, s, m, h or d, as in 15m");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (number, unit) = text.split_at(digits);
    let factor = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?.1;
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(factor).map(Duration::from_millis).ok_or_else(bad)
}

/// The shortest way to write it.
pub fn show(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fits = UNITS.iter().rev().find(|(_, factor)| millis > 0 && millis.is_multiple_of(*factor));
    fits.map_or_else(|| "0s".to_owned(), |(unit, factor)| format!("{}{unit}", millis / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_alike() {
        for text in ["20s", "15m", "7d", "500ms", "1h"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
        for text in ["", "15", "m", "-1s", "1.5h", "1w", "99999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
