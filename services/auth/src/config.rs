//! What can be set, with units and defaults; everything else a service needs is the chassis'.

use crate::domain::lockout::Policy;
use crate::domain::rotation::Schedule;
use crate::domain::sealing::MasterKey;
use chassis::config::{Bad, Reader};
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone)]
pub struct Settings {
    pub master_key: Arc<MasterKey>,
    pub access_token_ttl: SignedDuration,
    pub refresh_token_ttl: SignedDuration,
    pub refresh_grace: SignedDuration,
    pub hashes_at_once: usize,
    pub hashes_waiting: usize,
    /// New passwords have places of their own, fewer: anybody may register, and that must not keep others from logging in.
    pub new_hashes_at_once: usize,
    pub new_hashes_waiting: usize,
    pub account_lockout: Policy,
    pub address_lockout: Policy,
    pub key_schedule: Schedule,
    /// How often it is looked whether a signing key is due, and for keys that another replica made.
    pub keys_every: Duration,
    /// How often it is looked whether Redis lost the revocations: while it has, everybody is refused.
    pub revocations_every: Duration,
    /// How long gateways trust Redis after it last had every revocation: the longest that one it refuses goes unnoticed,
    /// and the longest that this service or PostgreSQL may be away before everybody is refused.
    pub revocation_lease: Duration,
    /// How long logins and security events are kept.
    pub log_retention: SignedDuration,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// However many cores there are: with those for new passwords that is 114 MiB of the 256 that a service gets.
const HASHES_AT_ONCE: usize = 4;

/// How long a verifier may go on with the keys it has: what `jwks.json` says in Cache-Control.
pub const JWKS_MAX_AGE: SignedDuration = SignedDuration::from_mins(5);

impl Settings {
    pub fn read(reader: &mut Reader) -> Result<Self, Bad> {
        let master = master_key(reader);
        let access =
            duration(reader, "ORION_ACCESS_TOKEN_TTL", 15 * MINUTE, "how long an access token is valid");
        let refresh = duration(
            reader,
            "ORION_REFRESH_TOKEN_TTL",
            7 * DAY,
            "how long a refresh token is valid; each use gives a new one",
        );
        let grace = duration(
            reader,
            "ORION_REFRESH_GRACE",
            10,
            "for how long a used refresh token still gives the same successor, for tabs that race",
        );
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let at_once = positive(
            reader,
            "ORION_HASH_CONCURRENCY",
            cores.min(HASHES_AT_ONCE),
            "passwords hashed at once (19 MiB each, and half as much again for new ones); more needs more memory",
        );
        let waiting =
            reader.or("ORION_HASH_QUEUE", 64_usize, "logins waiting for that; more are answered 503");
        let new_waiting = reader.or(
            "ORION_NEW_HASH_QUEUE",
            16_usize,
            "new passwords waiting to be hashed, half as many at once as of logins; more are sent away",
        );
        let account = lockout(reader, "ACCOUNT", 5);
        let address = lockout(reader, "ADDRESS", 50);
        let keys_every = every(
            reader,
            "ORION_SIGNING_KEY_CHECK",
            30,
            "how often it is looked whether a signing key is due",
        );
        let revocations_every = every(
            reader,
            "ORION_REVOCATION_CHECK",
            2,
            "how often it is looked whether Redis was emptied, and late revocations are written to it",
        );
        let revocation_lease = lease(reader);
        let log_retention = duration(
            reader,
            "ORION_LOGIN_LOG_RETENTION",
            90 * DAY,
            "how long login attempts and security events are kept",
        );
        let key_schedule = schedule(reader);
        let access_token_ttl = access?;
        let hashes_at_once = at_once?;
        Ok(Self {
            master_key: master?.into(),
            access_token_ttl,
            refresh_token_ttl: refresh?,
            refresh_grace: grace?,
            hashes_at_once,
            hashes_waiting: waiting?,
            new_hashes_at_once: (hashes_at_once / 2).max(1),
            new_hashes_waiting: new_waiting?,
            account_lockout: account?,
            address_lockout: address?,
            // A replica may sign with a key that it does not know to be retired yet: not for an hour, by far.
            key_schedule: Schedule {
                keep_retired: access_token_ttl + SignedDuration::from_hours(1),
                ..key_schedule?
            },
            keys_every: keys_every?,
            revocations_every: revocations_every?,
            revocation_lease: revocation_lease?,
            log_retention: log_retention?,
        })
    }
}

fn master_key(reader: &mut Reader) -> Result<MasterKey, Bad> {
    const NAME: &str = "ORION_KEY_ENCRYPTION_KEY";
    let text = reader.secret(NAME, "seals the signing keys: 32 bytes, base64")?;
    MasterKey::from_base64(text.expose()).map_err(|error| reader.refuse(format!("{NAME}: {error}")))
}

fn duration(
    reader: &mut Reader,
    name: &'static str,
    seconds: u64,
    help: &'static str,
) -> Result<SignedDuration, Bad> {
    let read = reader.duration(name, Duration::from_secs(seconds), help)?;
    match SignedDuration::try_from(read) {
        Ok(duration) if read >= Duration::from_secs(1) && read <= Duration::from_secs(3650 * DAY) => {
            Ok(duration)
        }
        _ => Err(reader.refuse(format!("{name}: must be between 1s and 3650d"))),
    }
}

fn every(reader: &mut Reader, name: &'static str, seconds: u64, help: &'static str) -> Result<Duration, Bad> {
    match reader.duration(name, Duration::from_secs(seconds), help)? {
        pause if pause >= Duration::from_millis(10) && pause <= Duration::from_secs(HOUR) => Ok(pause),
        _ => Err(reader.refuse(format!("{name}: must be between 10ms and 1h"))),
    }
}

fn lease(reader: &mut Reader) -> Result<Duration, Bad> {
    const NAME: &str = "ORION_REVOCATION_LEASE";
    let help = "how long gateways trust Redis about revocations after it was last seen to have all, 10s to 1h: a revocation \
                it refuses goes unnoticed for so long, and an outage of auth or PostgreSQL that is longer makes gateways \
                refuse everybody; five times ORION_REVOCATION_CHECK if that is longer";
    match reader.duration(NAME, Duration::from_secs(5 * MINUTE), help)? {
        lease if lease >= Duration::from_secs(10) && lease <= Duration::from_secs(HOUR) => Ok(lease),
        _ => Err(reader.refuse(format!("{NAME}: must be between 10s and 1h"))),
    }
}

fn positive(
    reader: &mut Reader,
    name: &'static str,
    default: usize,
    help: &'static str,
) -> Result<usize, Bad> {
    match reader.or(name, default, help)? {
        0 => Err(reader.refuse(format!("{name}: must be at least 1"))),
        number => Ok(number),
    }
}

fn lockout(reader: &mut Reader, kind: &str, after: u32) -> Result<Policy, Bad> {
    let of = kind.to_lowercase();
    let after = reader.or(
        format!("ORION_LOCKOUT_{kind}_AFTER"),
        after,
        format!(
            "failed logins until an {of} is locked; each further one locks it for twice as long as the last"
        ),
    );
    let first = reader.duration(
        format!("ORION_LOCKOUT_{kind}_FIRST"),
        Duration::from_secs(30),
        format!("the first lock of an {of}"),
    );
    let longest = reader.duration(
        format!("ORION_LOCKOUT_{kind}_LONGEST"),
        Duration::from_secs(15 * MINUTE),
        format!("the longest lock of an {of}"),
    );
    let forget = reader.duration(
        format!("ORION_LOCKOUT_{kind}_FORGET"),
        Duration::from_secs(HOUR),
        format!("without a failure for so long, the count of an {of} starts again"),
    );
    let signed = |d: Duration| SignedDuration::try_from(d).unwrap_or(SignedDuration::MAX);
    let (after, first, longest, forget) = (after?, first?, longest?, forget?);
    if after == 0 || first > longest || longest > forget || forget > Duration::from_secs(DAY) {
        let complaint = format!(
            "ORION_LOCKOUT_{kind}_*: _AFTER must be at least 1, and _FIRST ≤ _LONGEST ≤ _FORGET ≤ 1d"
        );
        return Err(reader.refuse(complaint));
    }
    Ok(Policy { after, first: signed(first), longest: signed(longest), forget_after: signed(forget) })
}

fn schedule(reader: &mut Reader) -> Result<Schedule, Bad> {
    let lifetime =
        duration(reader, "ORION_SIGNING_KEY_LIFETIME", 30 * DAY, "how long a key signs before the next does");
    let ahead = duration(
        reader,
        "ORION_SIGNING_KEY_PUBLISH_AHEAD",
        HOUR,
        "how long the next key is published before it signs; longer than verifiers keep keys",
    );
    let (lifetime, publish_ahead) = (lifetime?, ahead?);
    if publish_ahead >= lifetime || publish_ahead < JWKS_MAX_AGE * 2 {
        let complaint = "ORION_SIGNING_KEY_PUBLISH_AHEAD: must be at least 10m, for verifiers keep keys for 5m, \
                         and less than ORION_SIGNING_KEY_LIFETIME";
        return Err(reader.refuse(complaint));
    }
    Ok(Schedule { lifetime, publish_ahead, keep_retired: lifetime })
}
