//! Writes images as docker-archive files, straight: no container engine is needed to make one.
//!
//! The same layer and settings always give the same bytes: times are zero and the order is fixed.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What an image says about itself.
#[derive(Debug)]
pub struct Settings {
    /// Full name with tag, as pods write it.
    pub reference: String,
    pub entrypoint: Vec<String>,
    pub user: String,
    pub env: Vec<String>,
    pub labels: Vec<(String, String)>,
}

impl Settings {
    fn config(&self, layer_digest: &str) -> Value {
        let labels: serde_json::Map<_, _> =
            self.labels.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
        json!({
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Entrypoint": self.entrypoint,
                "User": self.user,
                "Env": self.env,
                "Labels": labels,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer_digest}")]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "cargo xtask images"}],
        })
    }
}

/// Writes the archive of one layer (an uncompressed tar); gives the digest of the image's configuration, its id.
pub fn write(out: &Path, settings: &Settings, layer: &Path) -> Result<String> {
    let layer_digest = sha256_file(layer)?;
    let config = serde_json::to_vec(&settings.config(&layer_digest))?;
    let id = hex(&Sha256::digest(&config));
    let layer_name = format!("{layer_digest}/layer.tar");
    let config_name = format!("{id}.json");
    let manifest = serde_json::to_vec(&json!([{
        "Config": config_name,
        "RepoTags": [settings.reference],
        "Layers": [layer_name],
    }]))?;

    let partial = out.with_extension("partial");
    let file = File::create(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
    let mut archive = tar::Builder::new(BufWriter::with_capacity(1 << 20, file));
    add(&mut archive, "manifest.json", 0o644, &manifest)?;
    add(&mut archive, &config_name, 0o644, &config)?;
    let size = std::fs::metadata(layer)?.len();
    let mut header = header(0o644, size);
    let content = File::open(layer)?;
    archive.append_data(&mut header, &layer_name, BufReader::with_capacity(1 << 20, content))?;
    archive.into_inner()?.flush()?;
    std::fs::rename(&partial, out)?;
    Ok(id)
}

/// One entry with fixed owner and time.
pub fn add(archive: &mut tar::Builder<impl Write>, path: &str, mode: u32, content: &[u8]) -> Result<()> {
    let mut header = header(mode, content.len() as u64);
    archive.append_data(&mut header, path, content)?;
    Ok(())
}

pub fn add_dir(archive: &mut tar::Builder<impl Write>, path: &str, mode: u32) -> Result<()> {
    let mut header = header(mode, 0);
    header.set_entry_type(tar::EntryType::Directory);
    archive.append_data(&mut header, path, std::io::empty())?;
    Ok(())
}

fn header(mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

pub fn sha256_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

pub fn sha256_text(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
