//! The bytes of a stored revision: `{"format":1,"gz":"…"}`, JSON compressed and in base64. The API server takes objects
//! up to 1.5 MB.

use super::Revision;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::{Read, Write};

/// A later format is refused rather than misread; earlier ones are read for ever.
const FORMAT: u64 = 1;
/// Of the base64 text; leaves room for metadata and for etcd's own limit.
const MOST_BYTES: usize = 900 * 1024;
/// Of the JSON inside. A hundred times what a platform has: only damage is bigger.
const MOST_INFLATED: u64 = 64 << 20;

/// Why a stored revision can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    #[error(
        "it has format {0}, and this operator knows up to {FORMAT}: use the operator that wrote it, or a newer one"
    )]
    Format(u64),
    #[error("its data can't be read ({0}): delete it, the operator goes on from the spec")]
    Unreadable(String),
    #[error(
        "it has {0} bytes compressed, more than {MOST_BYTES}: shorten annotations and variables in the spec"
    )]
    TooBig(usize),
}

/// The `data` of the ControllerRevision.
pub fn data_of(revision: &Revision) -> Result<Value, Damaged> {
    let unreadable = |e: &dyn std::fmt::Display| Damaged::Unreadable(e.to_string());
    let text = serde_json::to_vec(revision).map_err(|e| unreadable(&e))?;
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(&text).map_err(|e| unreadable(&e))?;
    let packed = STANDARD.encode(gz.finish().map_err(|e| unreadable(&e))?);
    match packed.len() {
        length if length > MOST_BYTES => Err(Damaged::TooBig(length)),
        _ => Ok(json!({"format": FORMAT, "gz": packed})),
    }
}

pub fn decode(data: &Value) -> Result<Revision, Damaged> {
    let unreadable = |e: &dyn std::fmt::Display| Damaged::Unreadable(e.to_string());
    let format = data["format"].as_u64().unwrap_or(0);
    if format > FORMAT {
        return Err(Damaged::Format(format));
    }
    let packed = data["gz"].as_str().ok_or_else(|| unreadable(&"no gz"))?;
    let packed = STANDARD.decode(packed).map_err(|e| unreadable(&e))?;
    let mut text = Vec::new();
    GzDecoder::new(&packed[..]).take(MOST_INFLATED).read_to_end(&mut text).map_err(|e| unreadable(&e))?;
    serde_json::from_slice(&text).map_err(|e| unreadable(&e))
}
