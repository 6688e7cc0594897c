//! What a lock-out is counted by, instead of the address itself.

use sha2::{Digest, Sha256};

/// Bounded in size, and says nothing of what strangers typed into the field.
pub fn fingerprint(normalised: &str) -> String {
    Sha256::digest(normalised.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}
