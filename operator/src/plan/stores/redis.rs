//! Redis 8, with its users in a file on the volume.

use super::{Defaults, Ids, Kind, shell};

pub(super) const DEFAULTS: Defaults = Defaults { cpu: "100m", memory: "64Mi", memory_limit: "256Mi" };

/// The answer must be PONG: while it loads its data Redis answers too. One whose disk is full refuses writes and pings,
/// and goes on reading: who is cut off from it learns nothing, and not why either.
const READY: &str = "REDISCLI_AUTH=$(cat /run/orion/admin/password) redis-cli --user admin --no-auth-warning ping | grep -q -e PONG -e MISCONF";

pub(super) fn kind(memory_limit: u64, _: Ids) -> Kind {
    let files = [
        ("start.sh", include_str!("redis.sh").to_owned()),
        ("redis.conf", with_memory(include_str!("redis.conf"), memory_limit)),
    ];
    Kind {
        data: "/data",
        env: Vec::new(),
        scratch: &[("tmp", "/tmp")],
        files: files.into_iter().collect(),
        ready: shell(READY),
    }
}

/// Six tenths of the memory for data: a rewrite of the log copies what is changed meanwhile. When it is full, writes
/// are refused, which a service can report, instead of the process being killed, which loses the newest ones.
pub(super) fn with_memory(configuration: &str, memory_limit: u64) -> String {
    format!("{configuration}maxmemory {}\n", memory_limit / 10 * 6)
}
