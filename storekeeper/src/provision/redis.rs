//! Redis: an ACL user for each service, with its own keys and channels, kept in the server's ACL file.

use std::collections::HashMap;
use std::time::Duration;

use fred::prelude::*;
use fred::types::config::{ServerConfig, TlsConnector};
use fred::types::{ClusterHash, CustomCommand};
use sha2::{Digest, Sha256};

use super::login::{Known, Way, names, ways};
use super::mark::Mark;
use super::{Say, reader};
use crate::backup::document::READER;
use crate::document::{RedisAccount, RedisWork, Server};
use crate::failure::{Failure, Place, read_secret};

/// What every service may do, on its own keys. What lists or empties the key space of everybody is left out
/// (KEYS and FLUSHDB are among the dangerous), and so is what changes the server or scripts that others share.
const COMMANDS: &[&str] = &[
    "-@all",
    "+@connection",
    "+@read",
    "+@write",
    "+@pubsub",
    "+@transaction",
    "+@scripting",
    "-@admin",
    "-@dangerous",
    // A client that was sent to the master makes sure that it is one.
    "+role",
    "-scan",
    "-randomkey",
    "-dbsize",
    "-function",
    "-fcall",
    "-fcall_ro",
    "-script|flush",
    "-script|kill",
];

/// On every instance by itself: users are not replicated.
pub(super) async fn provision(work: &RedisWork, mark: &Mark, say: Say<'_>) -> Result<(), Failure> {
    for server in work.server.each() {
        provision_on(&server, work, mark, say).await?;
    }
    Ok(())
}

async fn provision_on(server: &Server, work: &RedisWork, mark: &Mark, say: Say<'_>) -> Result<(), Failure> {
    let place = Place::of("redis", server, server.port);
    let username = read_secret(&server.admin_username_file)?;
    let all = work.accounts.iter().flat_map(|account| names(&account.user, account.second.as_ref()));
    place.apart(&username, all)?;
    let password = read_secret(&server.admin_password_file)?;
    let admin = connect(&place, server, &username, &password).await?;
    let mut all = Vec::new();
    for account in &work.accounts {
        for way in ways(&account.user, &account.password_file, account.second.as_ref())? {
            let known = find(&admin, &place, server, &username, way.name, mark).await?;
            if way.concerns(known)? {
                all.push((account, way));
            }
        }
    }
    for (account, Way { name, password }) in all {
        let command = match &password {
            Some(password) => rules(name, account, mark, password),
            // Whoever is logged in as that user is cut off.
            None => vec!["DELUSER".to_owned(), name.to_owned()],
        };
        let set: Result<Value, Error> = acl(&admin, command).await;
        set.map_err(|error| explain(&place, &username, error))?;
        match password {
            Some(password) => {
                verify(&place, server, name, &password).await?;
                say(format!("redis: user {name} has its keys"));
            }
            None => say(format!("redis: user {name} is refused")),
        }
    }
    if let Some(file) = &work.reader_password_file {
        let set: Result<Value, Error> = acl(&admin, reader::rules(mark, &read_secret(file)?)).await;
        set.map_err(|error| explain(&place, &username, error))?;
        say(format!("redis: user {READER} reads everything"));
    }
    let saved: Result<Value, Error> = acl(&admin, vec!["SAVE".to_owned()]).await;
    saved.map_err(|error| match error.details().contains("not configured to use an ACL file") {
        true => place.refused(
            "the users would be lost at a restart: set `aclfile` in its configuration, or make the users yourself \
             and set provisioning: None",
        ),
        false => explain(&place, &username, error),
    })?;
    let _ = admin.quit().await;
    Ok(())
}

async fn find(
    admin: &Client,
    place: &Place,
    server: &Server,
    administrator: &str,
    user: &str,
    mark: &Mark,
) -> Result<Known, Failure> {
    let known: Result<Value, Error> = acl(admin, vec!["GETUSER".to_owned(), user.to_owned()]).await;
    let Some(marks) = marks(&known.map_err(|error| explain(place, administrator, error))?) else {
        return Ok(Known::Nobodys);
    };
    let marks = marks.iter().map(String::as_str);
    let hand_over = format_args!("ACL SETUSER {user} resetkeys %R~{mark}");
    Ok(Known::of(mark.check(place, server, format_args!("user {user}"), marks, hand_over)))
}

/// The keys that a user may only read, its mark among them, from the answer to ACL GETUSER; None where it is nobody.
fn marks(user: &Value) -> Option<Vec<String>> {
    if user.is_null() {
        return None;
    }
    // Who is there in a form that isn't known counts as somebody without a mark.
    let fields: HashMap<String, Value> = user.clone().convert().unwrap_or_default();
    let keys = fields.get("keys").and_then(Value::as_string).unwrap_or_default();
    Some(keys.split_whitespace().filter_map(|key| key.strip_prefix("%R~")).map(str::to_owned).collect())
}

/// The whole user in one command, which Redis applies at once or not at all.
fn rules(name: &str, account: &RedisAccount, mark: &Mark, password: &str) -> Vec<String> {
    let hash: String = Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect();
    // The hash, so that the password shows up in no log of commands.
    let mut rules: Vec<String> =
        ["SETUSER", name, "reset", "on", &format!("#{hash}")].map(str::to_owned).to_vec();
    rules.push(format!("%R~{mark}"));
    rules.extend(account.read.iter().map(|pattern| format!("%R~{pattern}")));
    rules.extend(account.write.iter().map(|pattern| format!("~{pattern}")));
    rules.extend(account.channels.iter().map(|pattern| format!("&{pattern}")));
    rules.extend(COMMANDS.iter().map(|rule| (*rule).to_owned()));
    rules
}

async fn acl(client: &Client, arguments: Vec<String>) -> Result<Value, Error> {
    client.custom(CustomCommand::new_static("ACL", ClusterHash::FirstKey, false), arguments).await
}

/// The account works: the service will be able to log in.
async fn verify(place: &Place, server: &Server, user: &str, password: &str) -> Result<(), Failure> {
    let client = connect(place, server, user, password).await?;
    let pong: Result<Value, Error> = client.ping(None).await;
    pong.map_err(|error| explain(place, user, error))?;
    let _ = client.quit().await;
    Ok(())
}

async fn connect(place: &Place, server: &Server, user: &str, password: &str) -> Result<Client, Failure> {
    let mut config = Config {
        server: ServerConfig::new_centralized(&server.host, server.port),
        username: Some(user.to_owned()),
        password: Some(password.to_owned()),
        fail_fast: true,
        ..Config::default()
    };
    if server.tls {
        config.tls = Some(TlsConnector::from(crate::tls::config(server)?).into());
    }
    let client = Builder::from_config(config)
        .with_performance_config(|performance| performance.default_command_timeout = Duration::from_secs(10))
        .with_connection_config(|connection| {
            connection.connection_timeout = Duration::from_secs(10);
            connection.internal_command_timeout = Duration::from_secs(10);
            connection.max_command_attempts = 1;
        })
        .build()
        .map_err(|error| explain(place, user, error))?;
    client.init().await.map_err(|error| explain(place, user, error))?;
    Ok(client)
}

fn explain(place: &Place, user: &str, error: Error) -> Failure {
    let details = error.details();
    match error.kind() {
        ErrorKind::Auth => place.refused(format!("login refused for user {user:?}: {details}")),
        _ if details.starts_with("LOADING") || details.contains("InvalidCertificate(") => {
            place.passing(details)
        }
        ErrorKind::IO | ErrorKind::Timeout | ErrorKind::Canceled => place.passing(details),
        _ => place.refused(details),
    }
}
