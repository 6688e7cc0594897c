//! Redis: a logical database for each test, and for a service a user with the catalog's own keys, as the provision
//! Job makes it, so that a key outside of its grant fails in the tests already.

use std::time::Duration;

use catalog::{KeyMode, Service};
use fred::prelude::*;
use fred::types::{ClusterHash, CustomCommand};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Server, State, finish, server};

static SERVER: OnceCell<Server> = OnceCell::const_new();

pub(crate) async fn state() -> &'static State {
    &SERVER.get_or_init(|| server("redis", answers)).await.state
}

/// The client library counts no further; less the one that counts.
const DATABASES: u64 = 255;
/// What the provision Job grants (storekeeper/src/provision/redis.rs).
const COMMANDS: &str = "-@all +@connection +@read +@write +@pubsub +@transaction +@scripting -@admin -@dangerous +role -scan \
                        -randomkey -dbsize -function -fcall -fcall_ro -script|flush -script|kill";

pub struct KeySpace {
    state: State,
    database: u64,
    url: String,
    user: Option<String>,
}

/// An empty logical database, with every right.
pub async fn redis() -> KeySpace {
    let state = state().await.clone();
    let admin = connect(&state, 0).await.expect("Redis answers");
    let count: u64 = admin.custom(command("INCR"), vec!["testkit:databases"]).await.expect("Redis counts");
    let _ = admin.quit().await;
    let database = 1 + count % DATABASES;
    let own = connect(&state, database).await.expect("Redis answers");
    let _: () = own.custom(command("FLUSHDB"), Vec::<String>::new()).await.expect("Redis forgets");
    let _ = own.quit().await;
    let url = format!("redis://default:{}@127.0.0.1:{}/{database}", state.password, state.port);
    KeySpace { state, database, url, user: None }
}

impl KeySpace {
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A URL with nothing but the rights of `service`, in the same logical database.
    pub(crate) async fn grant(&mut self, service: &Service) -> String {
        let user = format!("{}-{}", service.name, Uuid::new_v4().simple());
        let mut rules =
            vec!["SETUSER".to_owned(), user.clone(), "reset".into(), "on".into(), format!(">{user}")];
        rules.extend(service.redis.iter().map(|keys| match keys.mode {
            KeyMode::Read => format!("%R~{}", keys.pattern),
            KeyMode::Write => format!("~{}", keys.pattern),
        }));
        rules.extend(COMMANDS.split_whitespace().map(str::to_owned));
        let admin = connect(&self.state, 0).await.expect("Redis answers");
        let _: () = admin.custom(command("ACL"), rules).await.expect("Redis takes the rules");
        let _ = admin.quit().await;
        self.user = Some(user.clone());
        format!("redis://{user}:{user}@127.0.0.1:{}/{}", self.state.port, self.database)
    }

    /// A client with every right, to look and to prepare.
    pub async fn client(&self) -> Client {
        connect(&self.state, self.database).await.expect("Redis answers")
    }
}

impl Drop for KeySpace {
    fn drop(&mut self) {
        let (state, user) = (self.state.clone(), self.user.take());
        finish(async move {
            if let (Some(user), Ok(admin)) = (user, connect(&state, 0).await) {
                let rules = vec!["DELUSER".to_owned(), user];
                let _: Result<Value, Error> = admin.custom(command("ACL"), rules).await;
            }
        });
    }
}

fn command(name: &'static str) -> CustomCommand {
    CustomCommand::new_static(name, ClusterHash::FirstKey, false)
}

async fn connect(state: &State, database: u64) -> Result<Client, Error> {
    let url = format!("redis://default:{}@127.0.0.1:{}/{database}", state.password, state.port);
    let client = Builder::from_config(Config::from_url(&url)?)
        .with_performance_config(|performance| performance.default_command_timeout = Duration::from_secs(10))
        .build()?;
    client.init().await?;
    Ok(client)
}

pub(super) async fn answers(state: State) -> bool {
    match connect(&state, 0).await {
        Ok(client) => client.quit().await.is_ok(),
        Err(_) => false,
    }
}
