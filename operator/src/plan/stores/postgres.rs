//! PostgreSQL 17 with pgvector.

use super::{Defaults, Ids, Kind, OFFICIAL_ID, shell};

pub(super) const DEFAULTS: Defaults = Defaults { cpu: "100m", memory: "128Mi", memory_limit: "512Mi" };

/// With the same PATH as in the start script.
const READY: &str = "PATH=/usr/lib/postgresql/17/bin:$PATH; exec pg_isready -q -h 127.0.0.1 -p 5432";

pub(super) fn kind(memory_limit: u64, ids: Ids) -> Kind {
    let files = [
        ("start.sh", include_str!("postgres.sh").to_owned()),
        ("pg_hba.conf", include_str!("pg_hba.conf").to_owned()),
        ("postgresql.conf", configuration(memory_limit)),
    ];
    let mut kind = Kind {
        data: "/var/lib/postgresql/data",
        // A folder inside the volume: the volume's own may hold lost+found and belongs to root.
        env: vec![("PGDATA", "/var/lib/postgresql/data/pgdata".to_owned())],
        scratch: &[("run", "/var/run/postgresql"), ("tmp", "/tmp")],
        files: files.into_iter().collect(),
        ready: shell(READY),
    };
    if ids.user != OFFICIAL_ID {
        // initdb insists on a name for its user.
        let Ids { user, group, .. } = ids;
        let line = format!("postgres:x:{user}:{group}::/var/lib/postgresql:/bin/sh\n");
        kind.files.insert("passwd", line);
    }
    kind
}

/// A quarter of the memory for shared buffers, as PostgreSQL's manual recommends; the rest is for sessions and for
/// the page cache, which counts against the limit as well.
fn configuration(memory_limit: u64) -> String {
    let buffers = (memory_limit / 4 / 1024).max(16 * 1024);
    format!("{}shared_buffers = {buffers}kB\n", include_str!("postgresql.conf"))
}
