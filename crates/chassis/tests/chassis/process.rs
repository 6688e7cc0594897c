//! The process around a service: what it says, how it fails, how it ends.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use contracts::problem::INTERNAL;
use testkit::{Env, client, eventually, free_ports, problem};
use tokio::process::{Child, Command};

/// Built with the tests: crates/chassis/examples/sample.
fn sample() -> Command {
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.ancestors().nth(2).unwrap().join("examples/sample");
    assert!(program.exists(), "{} is missing: run `cargo test -p chassis`", program.display());
    let mut command = Command::new(program);
    command.env_clear().kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct TerminationLog(tempfile::NamedTempFile);

impl TerminationLog {
    fn new() -> Self {
        Self(tempfile::NamedTempFile::new().unwrap())
    }

    fn path(&self) -> String {
        self.0.path().display().to_string()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.0.path()).unwrap()
    }
}

async fn fails(env: Env) -> (i32, String) {
    let log = TerminationLog::new();
    let env = env.set("ORION_TERMINATION_LOG", log.path());
    let Output { status, .. } = sample().envs(env.variables()).output().await.unwrap();
    (status.code().unwrap(), log.text())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn help_lists_every_setting_with_its_default_and_version_says_which() {
    let help = sample().arg("--help").output().await.unwrap();
    assert!(help.status.success());
    let help = text(&help.stdout);
    for words in [
        "ORION_DATABASE_URL[_FILE]",
        "ORION_SHUTDOWN_GRACE",
        "default 20s",
        "ORION_SAMPLE_SLOW",
        "default 300ms",
    ] {
        assert!(help.contains(words), "{words}: {help}");
    }
    let version = sample().arg("--version").output().await.unwrap();
    assert_eq!(text(&version.stdout), format!("user {}\n", env!("CARGO_PKG_VERSION")));
    let unknown = sample().arg("--hlep").output().await.unwrap();
    assert!(!unknown.status.success() && text(&unknown.stderr).contains("--help"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_configuration_is_the_last_word_of_the_process() {
    let log = TerminationLog::new();
    let ended = sample()
        .env("ORION_TERMINATION_LOG", log.path())
        .env("ORION_PLATFROM", "orion")
        .output()
        .await
        .unwrap();
    assert_eq!(ended.status.code(), Some(78));
    assert!(log.text().contains("did you mean ORION_PLATFORM?"), "{}", log.text());
    assert_eq!(log.text().lines().count(), 1);
    assert!(text(&ended.stderr).lines().count() > 3, "each on its line");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_named_as_the_reason() {
    let env = Env::of("user").await.set("ORION_START_TIMEOUT", "1s");
    let mut url = reqwest::Url::parse(env.database().url()).unwrap();
    url.set_password(Some("hunter2")).unwrap();
    let (code, words) = fails(env.set("ORION_DATABASE_URL", url.as_str())).await;
    assert_eq!(code, 1);
    let expected = format!("postgres:{}: password authentication failed for user", url.port().unwrap());
    assert!(words.starts_with(&expected), "{words}");

    for (variable, store, reason) in
        [("ORION_REDIS_URL", "redis:", "WRONGPASS"), ("ORION_AMQP_URL", "rabbitmq:", "ACCESS_REFUSED")]
    {
        let env = Env::of("user").await.set("ORION_START_TIMEOUT", "2s");
        let (_, good) = env.variables().find(|(name, _)| name == variable).unwrap();
        let mut url = reqwest::Url::parse(&good).unwrap();
        url.set_password(Some("hunter2")).unwrap();
        let (code, words) = fails(env.set(variable, url.as_str())).await;
        assert_eq!(code, 1);
        assert!(words.starts_with(store) && words.contains(reason) && !words.contains("hunter2"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_is_named_as_the_reason() {
    for (variable, url, words) in [
        ("ORION_DATABASE_URL", "postgres://u:p@127.0.0.1:9/d", "postgres:9: cannot connect to 127.0.0.1:9: "),
        ("ORION_REDIS_URL", "redis://u:p@127.0.0.1:9", "redis:9: "),
        ("ORION_AMQP_URL", "amqp://u:p@127.0.0.1:9/v", "rabbitmq:9: "),
        ("ORION_PEER_AUTH_URL", "http://127.0.0.1:9", "auth:3001: "),
    ] {
        let env = Env::of("user").await.set("ORION_START_TIMEOUT", "1s").set(variable, url);
        let (code, said) = fails(env).await;
        assert_eq!(code, 1);
        assert!(said.starts_with(words) && said.to_lowercase().contains("connection refused"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lives_while_it_waits_is_ready_after_and_drains_on_sigterm() {
    let (main, management) = (free(), free());
    let (env, proxy) = Env::of("user").await.through_proxy("ORION_DATABASE_URL").await;
    proxy.cut();
    let env = env
        .set("ORION_LISTEN", main.to_string())
        .set("ORION_MANAGEMENT_LISTEN", management.to_string())
        .set("ORION_SAMPLE_SLOW", "2s");
    let child = sample().envs(env.variables()).spawn().unwrap();
    let ask = async |path: &str| {
        let answer = client().get(format!("http://{management}{path}")).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    };
    let alive = eventually("it lives", || async { ask("/livez").await }).await;
    assert_eq!(alive.0, 200);
    assert_eq!(ask("/readyz").await.unwrap(), (503, "starting\n".to_owned()));
    proxy.restore();
    eventually("it is ready", || async { ask("/readyz").await.filter(|(status, _)| *status == 200) }).await;

    let slow = tokio::spawn(client().get(format!("http://{main}/slow")).send());
    eventually("the request runs", || async {
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let port = format!(":{:04X} ", main.port());
        // Established: the request's own connection.
        sockets.lines().any(|line| line.contains(&port) && line.contains(" 01 ")).then_some(())
    })
    .await;
    terminate(&child).await;
    eventually("it is not ready any more", || async {
        let answer = ask("/readyz").await;
        answer.is_none_or(|(status, words)| status == 503 && words == "draining\n").then_some(())
    })
    .await;
    assert_eq!(slow.await.unwrap().unwrap().status(), 200, "what was begun is finished");
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let log = text(&ended.stdout);
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("every line is JSON");
        assert_eq!(line["service"], "user");
    }
    assert!(log.contains("requestId") && log.contains("traceId"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_costs_its_request_and_not_the_process() {
    let (main, management) = (free(), free());
    let env = Env::of("user")
        .await
        .set("ORION_LISTEN", main.to_string())
        .set("ORION_MANAGEMENT_LISTEN", management.to_string());
    let mut child = sample().envs(env.variables()).spawn().unwrap();
    let ask = |path: &str| client().get(format!("http://{main}{path}")).send();
    eventually("it answers", || async { ask("/maybe").await.ok() }).await;
    for _ in 0..3 {
        let document = problem(ask("/panic").await.unwrap()).await;
        assert!(document.is(INTERNAL), "{document:?}");
        assert_eq!(ask("/maybe").await.unwrap().status(), 200);
    }
    assert!(child.try_wait().unwrap().is_none(), "the same process");
    terminate(&child).await;
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert!(text(&ended.stdout).contains("the secret reason"), "why is in the log");
}

/// Cargo builds tests with `unwind` whatever the profile says, so no test that runs can see an `abort` in it: the images
/// would end at the first panic, with all that they were answering.
#[test]
fn the_images_are_built_so_that_a_panic_can_be_caught() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let manifest = read("Cargo.toml");
    let release = manifest.split("[profile.release]").nth(1).expect("there is a release profile");
    let release = release.split("\n[").next().unwrap();
    assert!(release.lines().any(|line| line == "panic = \"unwind\""), "{release}");
    for file in ["Cargo.toml", "Dockerfile", "xtask/src/images/binaries.rs"] {
        let text = read(file);
        for words in ["panic=abort", "panic=immediate-abort", "panic = \"abort\""] {
            assert!(!text.contains(words), "{file}: {words}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_while_it_waits_it_ends_at_once_and_well() {
    let (env, proxy) = Env::of("user").await.through_proxy("ORION_DATABASE_URL").await;
    proxy.cut();
    let management = free();
    let env = env.set("ORION_MANAGEMENT_LISTEN", management.to_string());
    let mut child = sample().envs(env.variables()).spawn().unwrap();
    eventually("it lives", || async { client().get(format!("http://{management}/livez")).send().await.ok() })
        .await;
    terminate(&child).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

fn free() -> SocketAddr {
    ([127, 0, 0, 1], free_ports(1)).into()
}

async fn terminate(child: &Child) {
    let id = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
}
