//! One server of each kind for all tests of a run, however many programs they are in.
//!
//! Every test program holds a shared lock on the server's folder; a watchdog beside the server (store.sh) ends it when
//! the lock is free for a while. The lock goes with the process, so that nothing stays however a test ends.

pub(crate) mod postgres;
pub(crate) mod rabbitmq;
pub(crate) mod redis;

use std::fs::{self, File};
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::ports::free_ports;
use crate::wait::eventually;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/stores/store.sh");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) port: u16,
    /// RabbitMQ's management API.
    pub(crate) second: u16,
    /// For connections that are encrypted, and behind it that of RabbitMQ's management API. PostgreSQL has one for all.
    pub(crate) tls: u16,
    pub(crate) password: String,
    pub(crate) ca_file: PathBuf,
}

/// Where a store is and who may do everything there: for tests of what gives out accounts.
#[derive(Clone, Debug)]
pub struct Administrator {
    pub host: &'static str,
    pub port: u16,
    /// RabbitMQ's management API.
    pub management_port: u16,
    /// The same store encrypted. Its certificate is for `localhost` and for no address.
    pub tls_port: u16,
    pub tls_management_port: u16,
    /// Who has signed that.
    pub ca_file: PathBuf,
    pub username: &'static str,
    pub password: String,
}

/// Other tests use the same server: what is made there needs a name that nobody else has.
pub async fn administrator(store: catalog::Store) -> Administrator {
    let (state, username) = match store {
        catalog::Store::Postgres => (postgres::state().await, "postgres"),
        catalog::Store::Redis => (redis::state().await, "default"),
        catalog::Store::Rabbitmq => (rabbitmq::state().await, "admin"),
    };
    administrator_of(store, state, username)
}

fn administrator_of(store: catalog::Store, state: &State, username: &'static str) -> Administrator {
    let State { port, second: management_port, tls, password, ca_file } = state.clone();
    let (tls_port, tls_management_port) = match store {
        catalog::Store::Postgres => (port, 0),
        catalog::Store::Redis => (tls, 0),
        catalog::Store::Rabbitmq => (tls, tls + 1),
    };
    Administrator {
        host: "127.0.0.1",
        port,
        management_port,
        tls_port,
        tls_management_port,
        ca_file,
        username,
        password,
    }
}

/// A server for one test alone, for as long as the value lives: for what concerns the whole of it.
pub struct Alone {
    pub administrator: Administrator,
    _server: Server,
}

pub async fn alone(store: catalog::Store) -> Alone {
    let name = store.name();
    let folder = workspace().join("target/testkit").join(format!("alone-{}", uuid::Uuid::new_v4().simple()));
    forget_old(folder.parent().expect("it is in a folder"));
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let root = root_file_system(name);
    let (server, username) = match store {
        catalog::Store::Postgres => (server_in(name, &root, &folder, postgres::answers).await, "postgres"),
        catalog::Store::Redis => (server_in(name, &root, &folder, redis::answers).await, "default"),
        catalog::Store::Rabbitmq => (server_in(name, &root, &folder, rabbitmq::answers).await, "admin"),
    };
    let administrator = administrator_of(store, &server.state, username);
    Alone { administrator, _server: server }
}

/// A server ends a while after its test, and writes to its folder until then: folders go with a later run.
fn forget_old(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let made =
            entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        let old = made.is_some_and(|age| age.as_secs() > 24 * 60 * 60);
        if old && entry.file_name().to_string_lossy().starts_with("alone-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A running server, for as long as this process lives.
pub(crate) struct Server {
    pub(crate) state: State,
    _lock: File,
}

pub(crate) async fn server<F>(store: &'static str, answers: impl Fn(State) -> F) -> Server
where
    F: Future<Output = bool>,
{
    let root = root_file_system(store);
    server_in(store, &root, &folder(&root), answers).await
}

async fn server_in<F>(store: &'static str, root: &Path, folder: &Path, answers: impl Fn(State) -> F) -> Server
where
    F: Future<Output = bool>,
{
    // In this order: whoever holds the first shared keeps a running server running while looking at its state.
    let lock = locked(folder.join("users"), File::lock_shared).await;
    let _starting = locked(folder.join("starting"), File::lock).await;
    let state_file = folder.join("state.json");
    let known = fs::read(&state_file).ok().and_then(|text| serde_json::from_slice::<State>(&text).ok());
    if let Some(state) = known
        && answers(state.clone()).await
    {
        return Server { state, _lock: lock };
    }
    let state = launch(store, root, folder);
    eventually(&format!("{store} starts"), || async {
        let gone = folder.join("gone").exists();
        assert!(!gone, "{store} did not start:\n{}", tail(&folder.join("log")));
        answers(state.clone()).await.then_some(())
    })
    .await;
    fs::write(&state_file, serde_json::to_vec(&state).expect("plain data")).expect("the state is written");
    Server { state, _lock: lock }
}

fn launch(store: &str, root: &Path, folder: &Path) -> State {
    for stale in ["gone", "state.json"] {
        let _ = fs::remove_file(folder.join(stale));
    }
    let port = free_ports(1);
    // RabbitMQ takes two more behind its second, for Erlang.
    let authority = Authority::new();
    let state = State {
        port,
        second: free_ports(3),
        tls: free_ports(2),
        password: uuid::Uuid::new_v4().simple().to_string(),
        ca_file: authority.write(folder),
    };
    let (certificate, key) = authority.server("localhost");
    for (name, text) in [("server.crt", certificate), ("server.key", key)] {
        fs::write(folder.join(name), text).expect("the folder can be written");
    }
    let mut password = File::create(folder.join("password")).expect("the folder can be written");
    password.write_all(state.password.as_bytes()).expect("the folder can be written");
    let log = File::create(folder.join("log")).expect("the folder can be written");
    let started = Command::new("setsid")
        .args(["--fork", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"])
        .args(["sh", SCRIPT, store])
        .args([root, folder])
        .args([state.port, state.second, state.tls].map(|port| port.to_string()))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file can be cloned"))
        .stderr(log)
        .status();
    let started = started.expect("setsid and unshare are there (package util-linux)");
    assert!(started.success(), "{store} was not started: {started}");
    state
}

/// Where a store's image is unpacked.
pub fn root_file_system(store: &str) -> PathBuf {
    let all = std::env::var_os("ORION_STORES_DIR")
        .map_or_else(|| workspace().join("target/images/rootfs"), PathBuf::from);
    let root = all.join(store);
    fs::canonicalize(&root).unwrap_or_else(|error| {
        panic!("{}: {error}\nTests use real stores: run `cargo xtask stores` once, as root.", root.display())
    })
}

/// Named after the root file system, so that a new build of it is not taken for the old one that still runs.
fn folder(root: &Path) -> PathBuf {
    let name = root.file_name().expect("a root file system has a name");
    let folder = workspace().join("target/testkit").join(name);
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/testkit is two folders down")
}

async fn locked(path: PathBuf, lock: fn(&File) -> std::io::Result<()>) -> File {
    let locking = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).truncate(false).write(true).read(true).open(&path)?;
        lock(&file)?;
        Ok::<_, std::io::Error>(file)
    });
    locking.await.expect("locking does not panic").expect("the lock can be taken")
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// Tidies up beside the test, not in its way: PostgreSQL drops no database while a client of the very runtime that would
/// wait here is in the middle of logging in. What is not finished when the program ends goes with the server.
pub(crate) fn finish<F: Future<Output = ()> + Send + 'static>(work: F) {
    std::thread::spawn(|| {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            runtime.block_on(work);
        }
    });
}
