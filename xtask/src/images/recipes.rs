//! The data stores of the project's own cluster: which Debian packages, whose user ids, what is left out.
//!
//! The operator runs the official images elsewhere; these carry the same programs, the same user ids and the same
//! names, so that what is seen here holds there.

/// Debian's release that has PostgreSQL 17, Redis 8 and RabbitMQ 4.
pub(super) const SUITE: &str = "trixie";

#[derive(Debug)]
pub struct Recipe {
    /// As in the catalog.
    pub name: &'static str,
    /// The name under which the operator's plans use it.
    pub reference: &'static str,
    pub packages: &'static [&'static str],
    /// Beside what every root file system leaves out.
    pub remove: &'static [&'static str],
    pub path: &'static str,
    pub env: &'static [&'static str],
    /// Prints its version: shows that what was removed is not missed.
    pub check: &'static str,
}

/// The official images' id of the one user that runs the store.
pub(super) const USER_ID: u32 = 999;

pub const RECIPES: &[Recipe] = &[
    Recipe {
        name: "postgres",
        reference: "docker.io/pgvector/pgvector:pg17",
        packages: &["postgresql-17", "postgresql-17-pgvector"],
        // Just-in-time compilation (LLVM, z3) is 150 MB for analytic queries that the platform does not make.
        // Without llvmjit.so PostgreSQL runs as with jit=off. The Debian cluster is not ours: initdb makes one.
        remove: &[
            "usr/lib/postgresql/17/lib/llvmjit*",
            "usr/lib/postgresql/17/lib/bitcode",
            "usr/lib/x86_64-linux-gnu/libLLVM*",
            "usr/lib/llvm-*",
            "usr/lib/x86_64-linux-gnu/libz3*",
            "var/lib/postgresql/17",
            "etc/postgresql/17",
            "usr/share/perl",
            "usr/share/perl5",
            "usr/lib/x86_64-linux-gnu/perl",
            "usr/lib/x86_64-linux-gnu/libperl.so*",
            "usr/share/i18n",
        ],
        path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/17/bin",
        env: &["PG_MAJOR=17", "PGDATA=/var/lib/postgresql/data"],
        check: "postgres --version",
    },
    Recipe {
        name: "redis",
        reference: "docker.io/library/redis:8",
        packages: &["redis-server"],
        remove: &["etc/redis/redis.conf"],
        path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        env: &[],
        check: "redis-server --version",
    },
    Recipe {
        name: "rabbitmq",
        reference: "docker.io/library/rabbitmq:4-management",
        packages: &["rabbitmq-server"],
        // Python is there for a command-line tool only. A cookie must never come from an image.
        remove: &[
            "usr/lib/python3*",
            "usr/bin/python3*",
            "usr/share/python3",
            "usr/lib/x86_64-linux-gnu/libpython*",
            "var/lib/rabbitmq/.erlang.cookie",
            "etc/rabbitmq/rabbitmq-env.conf",
        ],
        // The programs themselves come before Debian's wrappers, which insist on changing the user.
        path: "/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        env: &["HOME=/var/lib/rabbitmq", "RABBITMQ_DATA_DIR=/var/lib/rabbitmq"],
        check: "erl -noshell -eval 'io:format(\"Erlang ~s\", [erlang:system_info(otp_release)]), halt().'",
    },
];

/// Left out of every root file system: the package cache, logs, and what only an interactive machine needs.
pub(super) const REMOVE: &[&str] = &[
    "var/cache/*",
    "var/lib/apt",
    "var/log/apt",
    "var/log/btmp",
    "var/log/lastlog",
    "var/log/wtmp",
    "usr/share/bash-completion",
    "usr/share/zsh",
    "usr/share/bug",
    "usr/share/pixmaps",
    "usr/share/menu",
];

impl Recipe {
    /// Changes whenever the result would: the name under which it is cached.
    pub fn key(&self) -> String {
        let format = 1;
        super::archive::sha256_text(&format!("{format} {SUITE} {USER_ID} {REMOVE:?} {self:?}"))[..12]
            .to_owned()
    }
}
