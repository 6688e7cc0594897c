//! Kubernetes quantities, as far as a plan has to compare them or tell a program about them.

const SUFFIXES: [(&str, u128); 12] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
];

/// The amount in thousandths, rounded up, as the API server rounds what a container asks for. None for what is not a quantity, or too big to count.
pub fn milli(text: &str) -> Option<u128> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let factor = match suffix {
        "" => 1000,
        "m" => 1,
        _ => exponent(suffix)
            .or_else(|| SUFFIXES.iter().find(|(s, _)| *s == suffix).map(|(_, f)| *f))?
            .checked_mul(1000)?,
    };
    Some(digits.checked_mul(factor)?.div_ceil(scale))
}

/// Whole bytes.
pub fn bytes(text: &str) -> Option<u64> {
    u64::try_from(milli(text)? / 1000).ok()
}

/// `e3`, as in 1e3. Negative exponents make no sense for what is measured here.
fn exponent(suffix: &str) -> Option<u128> {
    10u128.checked_pow(suffix.strip_prefix(['e', 'E'])?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_quantity_is_read() {
        for (text, expected) in [
            ("250m", 250),
            ("2", 2_000),
            ("1.5", 1_500),
            ("0.0005", 1),
            ("1Ki", 1_024_000),
            ("0.5Gi", 512 * 1024 * 1024 * 1000),
            ("1e3", 1_000_000),
            ("1E", 1_000_000_000_000_000_000_000),
        ] {
            assert_eq!(milli(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_quantity_is_none() {
        for text in ["", ".", "Gi", "1X", "1 Gi", "-1", "1.2.3", "9999999999999999999999999999999999999Ei"] {
            assert_eq!(milli(text), None, "{text}");
        }
    }
}
