//! Redis: the snapshot's keys go into a free database of the server in use, which then changes places with the one that
//! services use, in one command. What was there before stays in the other.

use std::time::Duration;

use fred::prelude::*;
use fred::types::config::ServerConfig;
use fred::types::{ClusterHash, CustomCommand};

use super::rdb::Snapshot;
use crate::document::Server;
use crate::failure::{Failure, Place, read_secret};

/// The database in which it is noted what was restored. Services use 0.
const NOTES: u32 = 15;
const NOTED: &str = "orion:restores";

/// The snapshot's server hands its keys over by itself, a hundred at a time, with their times to live.
const HAND_OVER: &str = "
local host, port, database, user, password = unpack(ARGV)
local cursor, moved = '0', 0
repeat
  local page = redis.call('SCAN', cursor, 'COUNT', 100)
  cursor = page[1]
  if #page[2] > 0 then
    redis.call('MIGRATE', host, port, '', database, 60000, 'COPY', 'REPLACE', 'AUTH2', user, password, 'KEYS',
      unpack(page[2]))
    moved = moved + #page[2]
  end
until cursor == '0'
return moved";

fn place(server: &Server) -> Place {
    Place::of("redis", server, server.port)
}

pub(super) async fn connect_to(
    host: &str,
    port: u16,
    login: Option<(String, String)>,
) -> Result<Client, Error> {
    let (username, password) = login.unzip();
    let config = Config {
        server: ServerConfig::new_centralized(host, port),
        username,
        password,
        fail_fast: true,
        ..Config::default()
    };
    let client = Builder::from_config(config)
        .with_connection_config(|connection| {
            connection.connection_timeout = Duration::from_secs(10);
            connection.internal_command_timeout = Duration::from_secs(10);
            connection.max_command_attempts = 1;
        })
        .build()?;
    client.init().await?;
    // While it loads it answers too, but not this.
    client.ping::<Value>(None).await?;
    Ok(client)
}

pub(super) async fn words(client: &Client, words: &[&str]) -> Result<Value, Error> {
    let mut words = words.iter().map(|word| (*word).to_owned());
    let name = words.next().unwrap_or_default();
    client.custom(CustomCommand::new(name, ClusterHash::FirstKey, false), words.collect::<Vec<_>>()).await
}

fn login(server: &Server) -> Result<(String, String), Failure> {
    Ok((read_secret(&server.admin_username_file)?, read_secret(&server.admin_password_file)?))
}

/// The one that takes writes, and where it is.
async fn connect(server: &Server) -> Result<(Client, Server), Failure> {
    let mut why = None;
    for instance in server.each() {
        let connected = connect_to(&instance.host, instance.port, Some(login(server)?)).await;
        let client = match connected {
            Ok(client) => client,
            Err(error) => {
                why = Some(explain(&instance, &error));
                continue;
            }
        };
        if server.others.is_empty() || leads(&client).await {
            return Ok((client, instance));
        }
        let _ = client.quit().await;
    }
    Err(why.unwrap_or_else(|| place(server).passing("none of its instances is the master")))
}

async fn leads(client: &Client) -> bool {
    let role = words(client, &["ROLE"]).await.ok().and_then(|role| role.into_array().into_iter().next());
    role.is_some_and(|role| role.as_str().is_some_and(|word| word == "master"))
}

fn explain(server: &Server, error: &Error) -> Failure {
    let details = error.details();
    match error.kind() {
        _ if details.contains("OOM") => place(server).refused(format!(
            "has no room for the snapshot beside what it holds: raise resources.limits.memory of redis ({details})"
        )),
        ErrorKind::IO | ErrorKind::Timeout | ErrorKind::Canceled => place(server).passing(details),
        _ => place(server).refused(details),
    }
}

async fn select(client: &Client, database: u32) -> Result<(), Error> {
    words(client, &["SELECT", &database.to_string()]).await.map(drop)
}

pub(super) async fn is_done(server: &Server, request: &str) -> Result<bool, Failure> {
    let (client, _) = connect(server).await?;
    let look = async {
        select(&client, NOTES).await?;
        words(&client, &["HEXISTS", NOTED, request]).await
    };
    let found = look.await.map_err(|error| explain(server, &error))?;
    let _ = client.quit().await;
    Ok(found.as_u64() == Some(1))
}

/// The database that was taken, and how many keys went into it.
pub(super) async fn load(server: &Server, snapshot: &Snapshot) -> Result<(u32, u64), Failure> {
    let (live, server) = &connect(server).await?;
    let (user, password) = login(server)?;
    let free = free(live).await.map_err(|error| explain(server, &error))?;
    let Some(database) = free else {
        return Err(place(server).refused(
            "has no free database from 1 to 14: what earlier restores left there is in docs/runbooks/backup-and-restore.md",
        ));
    };
    let (port, number) = (server.port.to_string(), database.to_string());
    let moved =
        words(&snapshot.client, &["EVAL", HAND_OVER, "0", &server.host, &port, &number, &user, &password])
            .await;
    match moved {
        Ok(moved) => Ok((database, moved.as_u64().unwrap_or(0))),
        Err(error) => {
            // What is there already would be in the way of the next try.
            let cleared = async {
                select(live, database).await?;
                words(live, &["FLUSHDB"]).await
            };
            let _ = cleared.await;
            Err(explain(server, &error))
        }
    }
}

async fn free(live: &Client) -> Result<Option<u32>, Error> {
    for database in 1..NOTES {
        select(live, database).await?;
        if words(live, &["DBSIZE"]).await?.as_u64() == Some(0) {
            return Ok(Some(database));
        }
    }
    Ok(None)
}

/// Both at once: services see the one or the other, and the note is there when the data is.
pub(super) async fn swap(server: &Server, database: u32, request: &str) -> Result<(), Failure> {
    let (client, _) = connect(server).await?;
    let number = database.to_string();
    let notes = NOTES.to_string();
    let transaction: [&[&str]; 5] = [
        &["MULTI"],
        &["SWAPDB", "0", &number],
        &["SELECT", &notes],
        &["HSET", NOTED, request, &number],
        &["EXEC"],
    ];
    for command in transaction {
        words(&client, command).await.map_err(|error| explain(server, &error))?;
    }
    let _ = client.quit().await;
    Ok(())
}
