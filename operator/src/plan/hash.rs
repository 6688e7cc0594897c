//! Short names for contents: equal contents, equal name.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Eight hexadecimal digits of the SHA-256 of the content as JSON.
pub fn hash8(content: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(content).expect("what is planned can be written as JSON");
    Sha256::digest(bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
