//! The gateway's own settings.

use std::str::FromStr;
use std::time::Duration;

use chassis::config::{Bad, Reader};

use crate::domain::address::{Source, Sources};
use crate::domain::cors::Cors;
use crate::proxy::Limits;

#[derive(Clone, Debug)]
pub struct Config {
    pub limits: Limits,
    pub cors: Cors,
    pub sources: Sources,
    pub revocation_unavailable: WhenUnavailable,
}

/// What to do with a valid token while nobody can say whether it was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnavailable {
    /// Answer 503: nobody who was locked out comes back in.
    Refuse,
    /// Let it pass: people go on working, revoked tokens too, until they expire.
    Allow,
}

impl FromStr for WhenUnavailable {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "allow" => Ok(Self::Allow),
            _ => Err("write refuse or allow"),
        }
    }
}

impl std::fmt::Display for WhenUnavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refuse => "refuse",
            Self::Allow => "allow",
        })
    }
}

const SECOND: Duration = Duration::from_secs(1);

impl Config {
    pub fn read(reader: &mut Reader) -> Result<Self, Bad> {
        let connect = reader.duration(
            "ORION_UPSTREAM_CONNECT_TIMEOUT",
            SECOND,
            "time for a connection to a service, looking up its name included; it is tried three times",
        );
        let head = reader.duration(
            "ORION_UPSTREAM_TIMEOUT",
            30 * SECOND,
            "time for a service to begin its answer, from the request's last byte",
        );
        let idle = reader.duration(
            "ORION_IDLE_TIMEOUT",
            30 * SECOND,
            "time between two pieces of a body, in either direction",
        );
        let request_body = reader.or(
            "ORION_BODY_LIMIT",
            10 * 1024 * 1024,
            "bytes that a request's body may have; more is 413",
        );
        let request_headers = reader.or(
            "ORION_HEADER_LIMIT",
            32 * 1024,
            "bytes that a request's headers may have; more is 431",
        );
        let cors = reader.optional(
            "ORION_CORS_ORIGINS",
            "web origins that may read answers, comma-separated, or * for any without credentials",
        );
        let trusted_proxies = reader.optional(
            "ORION_TRUSTED_PROXIES",
            "networks whose x-forwarded-* headers are believed, comma-separated, as in 10.0.0.0/8",
        );
        let source = reader.or(
            "ORION_SOURCE_ADDRESS",
            Source::Peer,
            "whose the source address of a connection is: peer, or shared where many clients come by the same one",
        );
        let revocation_unavailable = reader.or(
            "ORION_REVOCATION_UNAVAILABLE",
            WhenUnavailable::Refuse,
            "while revocations are unknown: refuse (503) or allow valid tokens",
        );
        let limits = Limits {
            connect: connect?,
            head: head?,
            idle: idle?,
            request_body: request_body?,
            request_headers: request_headers?,
        };
        Ok(Config {
            limits,
            cors: cors?.unwrap_or_default(),
            sources: Sources { source: source?, trusted: trusted_proxies?.unwrap_or_default() },
            revocation_unavailable: revocation_unavailable?,
        })
    }
}
