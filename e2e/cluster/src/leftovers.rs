//! What a cluster left that had no time to clean up: its supervisor was killed, or the machine lost power. Found by
//! what isn't alive any more, never by age.

use std::time::Duration;

use crate::lock::Lock;
use crate::paths::{StateDir, runs};
use crate::{cgroups, supervise};

/// Removes it, and says so: one line for each dead cluster or group of control groups.
pub fn clear_leftovers() -> Vec<String> {
    let mut said = Vec::new();
    for entry in std::fs::read_dir(runs()).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let state = StateDir::at(&path);
        // Held: alive. An error: not ours to touch.
        let Ok(Some(lock)) = Lock::try_take(&state.lock()) else { continue };
        supervise::remove_remains(&state);
        let name = entry.file_name();
        said.push(format!(
            "cleared what the dead cluster {} had left: {}",
            name.to_string_lossy(),
            path.display()
        ));
        lock.remove();
    }
    for prefix in cgroups::orphans() {
        match cgroups::remove(&prefix, Duration::from_secs(5)) {
            Ok(()) => said.push(format!("cleared the control groups {prefix}* of a dead cluster")),
            Err(error) => said.push(format!("couldn't clear the control groups {prefix}*: {error:#}")),
        }
    }
    said
}
