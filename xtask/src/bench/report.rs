//! How figures are shown: a table for people, JSON under target/bench for programs.

use anyhow::Result;
use serde::Serialize;

use crate::paths;

/// Keeps a figure as JSON, and says where.
pub fn keep(name: &str, figure: &impl Serialize) -> Result<()> {
    let path = paths::target().join(format!("bench/{name}.json"));
    std::fs::create_dir_all(paths::target().join("bench"))?;
    std::fs::write(&path, serde_json::to_vec_pretty(figure)?)?;
    println!("({})\n", paths::shown(&path));
    Ok(())
}

/// Rows under a title, columns as wide as they must be; all but the first are numbers, to the right.
pub fn table(title: &str, rows: &[Vec<String>]) {
    println!("\n{title}");
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().enumerate().map(|(c, text)| match c {
            0 => format!("{text:<w$}", w = widths[c]),
            _ => format!("{text:>w$}", w = widths[c]),
        });
        println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

pub fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn seconds(time: f64) -> String {
    format!("{time:.1} s")
}

pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_median_of_three_is_the_middle_one() {
        assert_eq!(super::median(&[3.0, 1.0, 2.0]), 2.0);
    }
}
