//! Registrations that are interrupted: they end whole or gone.

use std::net::SocketAddr;
use std::time::Duration;

use chassis::Clock;
use contracts::problem as kind;
use contracts::user::RegisterRequest;
use reqwest::StatusCode;
use testkit::{eventually, problem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use user::domain::person::USER;
use user::reaper::sweep;
use user::registration::{self, Newcomer, REAP_AFTER};
use user::store::{cleanups, people};
use uuid::Uuid;

use crate::support::{PASSWORD, World, auth_env, newcomer, state};

fn ada() -> Newcomer {
    let request: RegisterRequest = serde_json::from_value(newcomer("ada")).unwrap();
    Newcomer::new(request, &[USER])
}

async fn put(world: &World, id: Uuid) {
    let credential = serde_json::json!(
        {"email": "ada@example.com", "password": PASSWORD, "username": "ada", "roles": ["user"]}
    );
    world.state().credentials.put(id, &serde_json::from_value(credential).unwrap()).await.unwrap();
}

/// A world whose clock the test moves, with a person who is pending.
async fn pending() -> (World, Clock, Uuid) {
    let clock = Clock::manual(jiff::Timestamp::now());
    let world = World::at(clock.clone()).await;
    let id = contracts::new_id();
    registration::begin(&world.state(), id, &ada(), None).await.unwrap();
    (world, clock, id)
}

#[tokio::test]
async fn killed_before_auth_was_told_it_is_gone() {
    let (world, clock, _) = pending().await;
    sweep(&world.state()).await.unwrap();
    assert_eq!(world.count("users").await, 1, "nobody interferes while it may still be under way");
    clock.advance(REAP_AFTER + Duration::from_secs(1));
    sweep(&world.state()).await.unwrap();
    eventually("it is removed", || async { (world.count("users").await == 0).then_some(()) }).await;
    assert_eq!((world.count("user_roles").await, world.count("outbox").await), (0, 0));
    world.person("ada").await;
}

#[tokio::test]
async fn killed_after_auth_was_told_it_is_finished_once_whoever_sweeps() {
    let (world, clock, id) = pending().await;
    let mut told = world.user.env().vhost().queue("user.events", &["user.created"]).await;
    put(&world, id).await;
    clock.advance(REAP_AFTER + Duration::from_secs(1));
    let state = world.state();
    let (one, other, third) = tokio::join!(sweep(&state), sweep(&state), sweep(&state));
    for swept in [one, other, third] {
        swept.unwrap();
    }
    let mut db = state.db.acquire().await.unwrap();
    eventually("it is finished", || async {
        let mut db = state.db.acquire().await.unwrap();
        let person = people::by_id(&mut db, id).await.unwrap().expect("it is not removed");
        (!person.is_pending()).then_some(())
    })
    .await;
    assert_eq!(told.next().await["userId"], id.to_string());
    world.login("ada", PASSWORD).await;
    // Nothing more is due, and nothing was told twice.
    clock.advance(REAP_AFTER);
    sweep(&state).await.unwrap();
    let person = people::by_id(&mut db, id).await.unwrap().unwrap();
    assert_eq!(person.version, 1);
    world.person("bea").await;
    assert_ne!(told.next().await["userId"], id.to_string());
}

#[tokio::test]
async fn a_repeated_call_learns_how_an_interrupted_one_ended() {
    let clock = Clock::manual(jiff::Timestamp::now());
    let world = World::at(clock.clone()).await;
    let key = "0123456789abcdef0123";
    let remembered = user::domain::idempotency::Key::parse(key).unwrap().remember(&[
        "ada@example.com",
        "ada",
        PASSWORD,
        "Ada",
        "Lovelace",
    ]);
    let id = contracts::new_id();
    registration::begin(&world.state(), id, &ada(), Some(&remembered)).await.unwrap();
    let repeat = || world.register(&newcomer("ada")).header("idempotency-key", key).send();
    assert!(problem(repeat().await.unwrap()).await.is(kind::REQUEST_IN_PROGRESS));
    put(&world, id).await;
    clock.advance(REAP_AFTER + Duration::from_secs(1));
    sweep(&world.state()).await.unwrap();
    let answer = eventually("it is finished", || async {
        let answer = repeat().await.unwrap();
        (answer.status() == StatusCode::CREATED).then_some(answer)
    })
    .await;
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["id"], id.to_string());
}

#[tokio::test]
async fn with_auth_down_it_is_refused_and_nothing_is_left() {
    let world = World::new().await;
    world.line.cut();
    let refused = world.register(&newcomer("ada")).send().await.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    assert!(problem(refused).await.is(kind::UNAVAILABLE));
    assert_eq!((world.count("users").await, world.count("outbox").await), (0, 0));
    world.line.restore();
    world.person("ada").await;
}

#[tokio::test]
async fn with_nobody_at_auths_address_there_is_nothing_to_clean_up() {
    let cluster = testkit::Cluster::new();
    let auth = testkit::spawn::<auth::Auth>(auth_env(&cluster).await).await;
    let env = cluster.env("user").await.peer("auth", &auth.url(""));
    let user = testkit::spawn::<user::User>(env).await;
    auth.stop().await;
    let refused = user.post("/api/user/register").json(&newcomer("ada")).send().await.unwrap();
    assert!(problem(refused).await.is(kind::UNAVAILABLE));
    for table in ["users", "user_roles", "outbox", "credential_cleanups"] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let left: i64 = sqlx::query_scalar(sql).fetch_one(user.chassis().db()).await.unwrap();
        assert_eq!(left, 0, "{table}");
    }
}

#[tokio::test]
async fn an_answer_of_auth_that_is_lost_is_a_refusal_and_leaves_nothing() {
    let clock = Clock::manual(jiff::Timestamp::now());
    let cluster = testkit::Cluster::new();
    let auth = testkit::spawn_at::<auth::Auth>(auth_env(&cluster).await, clock.clone()).await;
    let line = losing_answers_to_put(auth.url("").trim_start_matches("http://").parse().unwrap()).await;
    let env = cluster.env("user").await.peer("auth", &format!("http://{line}"));
    let user = testkit::spawn_at::<user::User>(env, clock.clone()).await;
    let refused = user.post("/api/user/register").json(&newcomer("ada")).send().await.unwrap();
    assert!(problem(refused).await.is(kind::UNAVAILABLE));
    let count = async |table: &str| -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(sql).fetch_one(user.chassis().db()).await.unwrap()
    };
    assert_eq!((count("users").await, count("outbox").await), (0, 0));
    let login = serde_json::json!({"email": "ada@example.com", "password": PASSWORD});
    let login = auth.post("/api/auth/login").json(&login).send().await.unwrap();
    assert_eq!(login.status(), StatusCode::UNAUTHORIZED, "the credential that auth had stored is gone again");
    assert_eq!(count("credential_cleanups").await, 1, "and is looked for once more, later");
    clock.advance(REAP_AFTER + Duration::from_secs(1));
    sweep(&state(&user)).await.unwrap();
    eventually("it was looked for", || async { (count("credential_cleanups").await == 0).then_some(()) })
        .await;
}

/// A line to a service that hands everything over and loses what is answered to a PUT.
async fn losing_answers_to_put(service: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let service = TcpStream::connect(service).await.unwrap();
            tokio::spawn(carry(client, service));
        }
    });
    address
}

async fn carry(mut client: TcpStream, mut service: TcpStream) {
    let (mut asked, mut answered) = ([0; 16384], [0; 16384]);
    let mut lose = false;
    loop {
        tokio::select! {
            Ok(read @ 1..) = client.read(&mut asked) => {
                lose |= asked[..read].starts_with(b"PUT ");
                service.write_all(&asked[..read]).await.unwrap();
            }
            Ok(read @ 1..) = service.read(&mut answered) => {
                if lose {
                    return;
                }
                client.write_all(&answered[..read]).await.unwrap();
            }
            else => return,
        }
    }
}

#[tokio::test]
async fn a_credential_of_unknown_fate_is_removed_at_auth() {
    let clock = Clock::manual(jiff::Timestamp::now());
    let world = World::at(clock.clone()).await;
    let (state, id) = (world.state(), contracts::new_id());
    put(&world, id).await;
    let mut db = state.db.acquire().await.unwrap();
    cleanups::schedule(&mut db, id, clock.now() + REAP_AFTER).await.unwrap();
    sweep(&state).await.unwrap();
    assert!(world.credential_exists(id).await, "a late request could still bring it back");
    clock.advance(REAP_AFTER);
    world.line.cut();
    sweep(&state).await.unwrap();
    assert_eq!(world.count("credential_cleanups").await, 1, "it is kept until auth has answered");
    world.line.restore();
    clock.advance(Duration::from_secs(60));
    sweep(&state).await.unwrap();
    eventually("it is removed", || async { (world.count("credential_cleanups").await == 0).then_some(()) })
        .await;
    assert!(!world.credential_exists(id).await);
}

#[tokio::test]
async fn a_registration_that_the_reaper_removed_stays_removed() {
    let (world, _, id) = pending().await;
    let state = world.state();
    people::remove_pending(&mut state.db.acquire().await.unwrap(), id).await.unwrap();
    // The process wakes up after a long sleep and goes on where it was.
    assert!(registration::complete(&state, id, &ada()).await.is_err());
    assert!(!world.credential_exists(id).await);
    assert_eq!(world.count("users").await, 0);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_its_registration() {
    let world = World::new().await;
    let sent = world.register(&newcomer("ada")).send();
    // Given up as soon as the person is pending: what is left goes on without anybody waiting.
    let seen =
        eventually("the person is pending", || async { (world.count("users").await == 1).then_some(()) });
    tokio::select! {
        answer = sent => assert_eq!(answer.unwrap().status(), StatusCode::CREATED),
        () = seen => {}
    }
    let state = world.state();
    eventually("it is finished", || async {
        let mut db = state.db.acquire().await.unwrap();
        let person = people::by_email(&mut db, "ada@example.com").await.unwrap().expect("it is not removed");
        (!person.is_pending()).then_some(())
    })
    .await;
}

/// Makes what uses a table fail, until it gets its name back.
async fn rename(world: &World, from: &str, to: &str) {
    let sql = sqlx::AssertSqlSafe(format!("ALTER TABLE {from} RENAME TO {to}"));
    sqlx::query(sql).execute(world.user.chassis().db()).await.unwrap();
}

#[tokio::test]
async fn a_person_who_cannot_be_activated_is_taken_back_here_and_at_auth() {
    let clock = Clock::manual(jiff::Timestamp::now());
    let world = World::at(clock.clone()).await;
    rename(&world, "outbox", "outbox_away").await;
    let refused = world.register(&newcomer("ada")).send().await.unwrap();
    assert!(refused.status().is_server_error());
    rename(&world, "outbox_away", "outbox").await;
    assert_eq!(world.count("users").await, 0, "nobody is left for the reaper to complete");
    let login = serde_json::json!({"email": "ada@example.com", "password": PASSWORD});
    let login = world.auth.post("/api/auth/login").json(&login).send().await.unwrap();
    assert_eq!(login.status(), StatusCode::UNAUTHORIZED, "the credential is gone too");
    world.person("ada").await;
}

#[tokio::test]
async fn who_can_neither_be_activated_nor_taken_back_is_told_that_the_end_is_open() {
    let clock = Clock::manual(jiff::Timestamp::now());
    let world = World::at(clock.clone()).await;
    let call = || world.register(&newcomer("ada")).header("idempotency-key", "0123456789abcdef0123").send();
    rename(&world, "outbox", "outbox_away").await;
    rename(&world, "credential_cleanups", "cleanups_away").await;
    let refused = call().await.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    let refused = problem(refused).await;
    let told = refused.detail.clone().unwrap_or_default();
    assert!(refused.is(kind::UNAVAILABLE) && told.contains("not known"), "{refused:?}");
    rename(&world, "cleanups_away", "credential_cleanups").await;
    rename(&world, "outbox_away", "outbox").await;
    // As it was told: the same call again gives the answer.
    clock.advance(REAP_AFTER + Duration::from_secs(1));
    eventually("it is finished", || async {
        sweep(&world.state()).await.unwrap();
        (call().await.unwrap().status() == StatusCode::CREATED).then_some(())
    })
    .await;
    world.login("ada", PASSWORD).await;
}

#[tokio::test]
async fn whoever_auth_has_no_place_for_is_sent_away_and_nothing_is_left_to_clean_up() {
    let cluster = testkit::Cluster::new();
    let full = auth_env(&cluster).await.set("ORION_HASH_CONCURRENCY", "1").set("ORION_NEW_HASH_QUEUE", "0");
    let auth = testkit::spawn::<auth::Auth>(full).await;
    let user = testkit::spawn::<user::User>(cluster.env("user").await.peer("auth", &auth.url(""))).await;
    let calls = (0..12).map(|n| user.post("/api/user/register").json(&newcomer(&format!("ada{n}"))).send());
    let (mut registered, mut sent_away) = (0, 0);
    for answer in futures::future::join_all(calls).await.into_iter().map(Result::unwrap) {
        if answer.status() == StatusCode::CREATED {
            registered += 1;
            continue;
        }
        assert!(answer.headers().contains_key("retry-after"));
        let refused = problem(answer).await;
        let told = refused.detail.clone().unwrap_or_default();
        assert!(refused.is(kind::UNAVAILABLE) && told.contains("Nothing was kept"), "{refused:?}");
        sent_away += 1;
    }
    assert!(registered > 0 && sent_away > 0, "{registered} came in, {sent_away} were sent away");
    for (table, left) in [("users", registered), ("credential_cleanups", 0)] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let there: i64 = sqlx::query_scalar(sql).fetch_one(user.chassis().db()).await.unwrap();
        assert_eq!(there, left, "{table}");
    }
}
