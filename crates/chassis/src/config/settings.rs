//! The settings that every service has. Which of them apply follows from the service's catalog entry.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use catalog::{Service, Store};
use contracts::Secret;
use reqwest::Url;

use super::{Bad, Reader};

#[derive(Clone, Debug)]
pub struct Settings {
    pub platform: String,
    pub namespace: String,
    pub listen: SocketAddr,
    pub management_listen: SocketAddr,
    pub log: String,
    /// None: no traces are exported.
    pub otlp_endpoint: Option<Url>,
    pub otlp_sample_ratio: f64,
    pub database_url: Option<Secret>,
    /// None: the public authorities are trusted.
    pub database_ca_file: Option<PathBuf>,
    pub database_connections: u32,
    pub redis_url: Option<Secret>,
    pub redis_ca_file: Option<PathBuf>,
    pub amqp_url: Option<Secret>,
    pub amqp_ca_file: Option<PathBuf>,
    pub peers: BTreeMap<&'static str, Url>,
    pub token_issuer: String,
    pub caller_keys_file: Option<PathBuf>,
    pub service_tokens_dir: Option<PathBuf>,
    pub start_timeout: Duration,
    pub shutdown_grace: Duration,
    pub termination_log: PathBuf,
}

impl Settings {
    pub fn read(reader: &mut Reader, service: &'static Service) -> Result<Self, Bad> {
        let platform = reader.required("ORION_PLATFORM", "name of the platform this belongs to");
        let namespace = reader.required("ORION_NAMESPACE", "namespace of the platform");
        let listen = reader.or("ORION_LISTEN", any(service.port), "address of the API");
        let management_listen = reader.or(
            "ORION_MANAGEMENT_LISTEN",
            any(catalog::MANAGEMENT_PORT),
            "address of /livez, /readyz, /healthz and /metrics",
        );
        let log = reader.or(
            "ORION_LOG",
            "info".to_owned(),
            "what is logged: error, warn, info, debug, or a filter",
        );
        let (otlp_endpoint, otlp_sample_ratio) = (otlp_endpoint(reader), otlp_sample_ratio(reader));
        let has = |wanted: Store| service.stores().any(|store| store == wanted);
        let database_url = store_url(
            reader,
            has(Store::Postgres),
            "ORION_DATABASE_URL",
            "postgres://user:password@host/database",
        );
        let database_ca_file = ca_file(reader, &database_url, "ORION_DATABASE_CA_FILE", "postgres");
        let database_connections = if has(Store::Postgres) {
            reader.or("ORION_DATABASE_CONNECTIONS", 10, "most connections to the database at a time")
        } else {
            Ok(0)
        };
        let redis_url = store_url(reader, has(Store::Redis), "ORION_REDIS_URL", "redis://user:password@host");
        let redis_ca_file = ca_file(reader, &redis_url, "ORION_REDIS_CA_FILE", "rediss");
        let amqp_url =
            store_url(reader, has(Store::Rabbitmq), "ORION_AMQP_URL", "amqp://user:password@host/vhost");
        let amqp_ca_file = ca_file(reader, &amqp_url, "ORION_AMQP_CA_FILE", "amqps");
        let peers = peers(reader, service);
        let token_issuer = reader
            .required("ORION_TOKEN_ISSUER", "issuer of access tokens, urn:orion:<namespace>:<platform>");
        let caller_keys_file = reader.optional(
            "ORION_CALLER_KEYS_FILE",
            "file with the keys of service tokens, read again each minute",
        );
        let service_tokens_dir = reader
            .optional("ORION_SERVICE_TOKENS_DIR", "folder with a token for each service this one calls");
        let seconds = Duration::from_secs;
        let start_timeout = reader.duration(
            "ORION_START_TIMEOUT",
            seconds(30),
            "give up when what is needed has not answered for so long",
        );
        let shutdown_grace =
            reader.duration("ORION_SHUTDOWN_GRACE", seconds(20), "time that running requests get to finish");
        let termination_log = reader.or(
            "ORION_TERMINATION_LOG",
            "/dev/termination-log".to_owned(),
            "file for the reason of a failed start",
        );
        Ok(Self {
            platform: platform?,
            namespace: namespace?,
            listen: listen?,
            management_listen: management_listen?,
            log: log?,
            otlp_endpoint: otlp_endpoint?,
            otlp_sample_ratio: otlp_sample_ratio?,
            database_url: database_url?,
            database_ca_file: database_ca_file?,
            database_connections: database_connections?,
            redis_url: redis_url?,
            redis_ca_file: redis_ca_file?,
            amqp_url: amqp_url?,
            amqp_ca_file: amqp_ca_file?,
            peers: peers?,
            token_issuer: token_issuer?,
            caller_keys_file: caller_keys_file?,
            service_tokens_dir: service_tokens_dir?,
            start_timeout: start_timeout?,
            shutdown_grace: shutdown_grace?,
            termination_log: termination_log?.into(),
        })
    }
}

fn any(port: u16) -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], port))
}

fn otlp_endpoint(reader: &mut Reader) -> Result<Option<Url>, Bad> {
    const NAME: &str = "ORION_OTLP_ENDPOINT";
    let help =
        "collector that takes traces by OTLP/HTTP (protobuf), without /v1/traces, as http://collector:4318";
    match reader.optional::<Url>(NAME, help)? {
        Some(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
            Err(reader.refuse(format!("{NAME}={url}: write a URL of the form http://collector:4318")))
        }
        Some(url) if url.path().ends_with("/v1/traces") => {
            Err(reader.refuse(format!("{NAME}={url}: leave /v1/traces out, it is added")))
        }
        url => Ok(url),
    }
}

fn otlp_sample_ratio(reader: &mut Reader) -> Result<f64, Bad> {
    const NAME: &str = "ORION_OTLP_SAMPLE_RATIO";
    let help = "share of the traces begun here that are recorded, 0 to 1; who calls with a trace has decided already";
    match reader.or(NAME, 1.0_f64, help)? {
        ratio if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        ratio => Err(reader.refuse(format!("{NAME}={ratio}: must be between 0 and 1"))),
    }
}

fn store_url(
    reader: &mut Reader,
    applies: bool,
    name: &'static str,
    form: &'static str,
) -> Result<Option<Secret>, Bad> {
    if !applies {
        return Ok(None);
    }
    let secret = reader.secret(name, form)?;
    match Url::parse(secret.expose()) {
        Ok(url) if url.has_host() => Ok(Some(secret)),
        // Never the value: it holds a password.
        _ => Err(reader.refuse(format!("{name}: is not a URL of the form {form}"))),
    }
}

/// The authority to trust instead of the public ones, PEM, for a store that this service uses. Who names one must not
/// talk in the clear for want of an `s`.
fn ca_file(
    reader: &mut Reader,
    url: &Result<Option<Secret>, Bad>,
    name: &'static str,
    scheme: &'static str,
) -> Result<Option<PathBuf>, Bad> {
    if matches!(url, Ok(None)) {
        return Ok(None);
    }
    let file = reader.optional::<PathBuf>(name, "file with the authority of the store's certificate, PEM")?;
    let encrypted = match url {
        Ok(Some(url)) => url.expose().starts_with(scheme),
        _ => true,
    };
    match file {
        Some(_) if !encrypted => {
            Err(reader
                .refuse(format!("{name}: is for an encrypted connection: write the URL with {scheme}://")))
        }
        file => Ok(file),
    }
}

/// Whom this service calls, and auth: whoever verifies access tokens needs its keys.
fn peers(reader: &mut Reader, service: &'static Service) -> Result<BTreeMap<&'static str, Url>, Bad> {
    let mut names: Vec<&'static str> = service.calls.to_vec();
    if service.name != "auth" && !names.contains(&"auth") {
        names.push("auth");
    }
    let mut peers = BTreeMap::new();
    let mut bad = None;
    for name in names {
        let variable = format!("ORION_PEER_{}_URL", name.replace('-', "_").to_uppercase());
        match reader.required::<Url>(variable, format!("where {name} is, as http://host:port")) {
            Ok(url) => drop(peers.insert(name, url)),
            Err(error) => bad = Some(error),
        }
    }
    bad.map_or(Ok(peers), Err)
}
