//! The archive of a support bundle: files by name, packed. Pure but for the packing.

use crate::redact;
use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

#[derive(Default)]
pub(super) struct Bundle {
    files: Vec<(String, Vec<u8>)>,
    /// What could not be had.
    missing: Vec<String>,
}

impl Bundle {
    pub(super) fn objects(&mut self, name: &str, mut objects: Value) {
        redact::object(&mut objects);
        let text = serde_json::to_string_pretty(&objects).unwrap_or_default();
        self.files.push((format!("{name}.json"), text.into_bytes()));
    }

    pub(super) fn log(&mut self, name: &str, text: &str) {
        self.files.push((format!("logs/{name}.log"), redact::text(text).into_bytes()));
    }

    pub(super) fn missing(&mut self, what: String) {
        self.missing.push(redact::text(&what));
    }

    pub(super) fn count(&self) -> (usize, usize) {
        (self.files.len(), self.missing.len())
    }

    pub(super) fn pack(mut self, to: impl std::io::Write, now: u64) -> Result<()> {
        if !self.missing.is_empty() {
            self.files.push(("missing.txt".into(), (self.missing.join("\n") + "\n").into_bytes()));
        }
        let mut archive = tar::Builder::new(GzEncoder::new(to, Compression::default()));
        for (name, content) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(now);
            archive.append_data(&mut header, format!("orion-support/{name}"), content.as_slice())?;
        }
        archive.into_inner()?.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Bundle;
    use serde_json::json;
    use std::io::Read;

    #[test]
    fn a_bundle_is_packed_with_what_is_missing_and_without_passwords() {
        let mut bundle = Bundle::default();
        bundle.objects("pods", json!([{"metadata": {"name": "a"}}]));
        bundle.log("a/main", "connects to redis://:hunter2@redis:6379\n");
        bundle.missing("events: no right to".into());
        let mut packed = Vec::new();
        bundle.pack(&mut packed, 0).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let mut text = String::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            text += &format!("\n{}\n", entry.path().unwrap().display());
            entry.read_to_string(&mut text).unwrap();
        }
        for there in
            ["orion-support/pods.json", "orion-support/logs/a/main.log", "REDACTED@redis", "no right to"]
        {
            assert!(text.contains(there), "{there}: {text}");
        }
        assert!(!text.contains("hunter2"));
    }
}
