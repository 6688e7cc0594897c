//! Images as files, without a container engine: the archive that `docker save` writes, with one layer.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

/// One program or file in an image.
pub struct ImageFile<'a> {
    /// Where it lies in the image, without a leading slash.
    pub path: &'a str,
    pub content: &'a [u8],
    pub executable: bool,
}

/// Writes an image of these files, named `tag`, that starts with `entrypoint`.
pub fn write_image(archive: &Path, tag: &str, files: &[ImageFile<'_>], entrypoint: &[&str]) -> Result<()> {
    let layer = layer(files)?;
    let layer_digest = crate::parts::hex_digest(&layer);
    let config = serde_json::to_vec(&json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {"Entrypoint": entrypoint, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer_digest}")]},
    }))?;
    let config_name = format!("{}.json", crate::parts::hex_digest(&config));
    let layer_name = format!("{layer_digest}.tar");
    let manifest = serde_json::to_vec(&json!([
        {"Config": config_name, "RepoTags": [tag], "Layers": [layer_name]}
    ]))?;
    let file = std::fs::File::create(archive).with_context(|| format!("create {}", archive.display()))?;
    let mut tar = tar::Builder::new(std::io::BufWriter::new(file));
    for (name, content) in [(&*config_name, &config), (&*layer_name, &layer), ("manifest.json", &manifest)] {
        append(&mut tar, name, content, 0o644)?;
    }
    tar.into_inner()?.flush().context("write the archive")
}

fn layer(files: &[ImageFile<'_>]) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        append(&mut tar, file.path, file.content, if file.executable { 0o755 } else { 0o644 })?;
    }
    Ok(tar.into_inner()?)
}

/// Always with the same time and owner, so that the same content is the same image.
fn append<W: Write>(tar: &mut tar::Builder<W>, path: &str, content: &[u8], mode: u32) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, path, content).with_context(|| format!("pack {path}"))
}
