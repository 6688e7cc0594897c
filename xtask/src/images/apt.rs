//! Which archive of Debian packages this machine uses: its own apt sources say, nothing is written down here.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The archive's address, from ORION_DEBIAN_MIRROR or the machine's sources.
pub fn mirror() -> Result<String> {
    if let Ok(given) = std::env::var("ORION_DEBIAN_MIRROR") {
        return Ok(given);
    }
    for file in source_files(Path::new("/etc/apt")) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let found =
            if file.extension().is_some_and(|e| e == "sources") { deb822(&text) } else { one_line(&text) };
        if let Some(uri) = found {
            return Ok(uri);
        }
    }
    bail!(
        "no archive of Debian packages is named in /etc/apt/sources.list or /etc/apt/sources.list.d: \
         name one in ORION_DEBIAN_MIRROR"
    )
}

fn source_files(apt: &Path) -> Vec<PathBuf> {
    let mut files = vec![apt.join("sources.list")];
    let entries = std::fs::read_dir(apt.join("sources.list.d")).into_iter().flatten().flatten();
    let mut more: Vec<_> = entries.map(|e| e.path()).filter(|p| is_source(p)).collect();
    more.sort();
    files.append(&mut more);
    files
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "sources" || e == "list")
}

/// The main archive of the distribution: `…/debian`, not its security updates, not somebody's packages.
fn is_debian(uri: &str) -> bool {
    uri.trim_end_matches('/').ends_with("/debian")
}

fn one_line(text: &str) -> Option<String> {
    let entries = text.lines().filter(|l| l.trim_start().starts_with("deb "));
    entries.flat_map(str::split_whitespace).find(|w| is_debian(w)).map(str::to_owned)
}

fn deb822(text: &str) -> Option<String> {
    let fields = text.lines().filter_map(|l| l.split_once(':'));
    let uris = fields.filter(|(key, _)| key.trim().eq_ignore_ascii_case("uris"));
    uris.flat_map(|(_, value)| value.split_whitespace()).find(|w| is_debian(w)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_archive_is_found_in_both_formats_of_sources() {
        let old = "# deb http://old.example/debian x main\ndeb [arch=amd64] http://a.example/debian bookworm main\n";
        assert_eq!(one_line(old).as_deref(), Some("http://a.example/debian"));
        let new = "Types: deb\n# URIs: x\nURIs: http://b.example/debian-security http://b.example/debian/\n";
        assert_eq!(deb822(new).as_deref(), Some("http://b.example/debian/"));
    }

    #[test]
    fn the_archive_of_another_vendor_is_not_taken_for_debians() {
        assert_eq!(one_line("deb https://packages.example/apt sdk main"), None);
        assert_eq!(deb822("URIs: https://deb.vendor.example/node\n"), None);
    }
}
