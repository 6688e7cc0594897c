//! In a store that others use too, an account that isn't the platform's own is left alone, and the refusal says how it
//! is handed over: what it says to run is run here.

use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use storekeeper::document::{Document, PostgresAccount, RabbitmqAccount, RedisAccount};

use super::support::{Place, ask, document_of, redis, run};

async fn postgres(place: &Place, role: &str, password: &str, database: &str) -> sqlx::Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass().host(place.postgres.host).port(place.postgres.port);
    PgConnection::connect_with(&options.username(role).password(password).database(database)).await
}

async fn postgres_admin(place: &Place) -> PgConnection {
    postgres(place, place.postgres.username, &place.postgres.password, "postgres").await.unwrap()
}

/// What a refusal says to run.
#[track_caller]
fn hand_over(refusal: &str) -> &str {
    let said =
        refusal.split_once(": run ").and_then(|(_, rest)| rest.split_once(" to give it to this platform"));
    said.unwrap_or_else(|| panic!("nothing to run in {refusal}")).0
}

fn with_postgres(place: &Place, platform: &str, own: bool) -> Document {
    document_of(platform, |document| {
        let mut work = place.postgres();
        work.server.own = own;
        work.accounts = vec![PostgresAccount {
            role: place.name("user"),
            database: place.name("user_db"),
            password_file: place.file("user-password", "ours"),
            second: None,
            vector: false,
        }];
        document.postgres = Some(work);
    })
}

#[tokio::test]
async fn a_role_that_somebody_else_made_keeps_its_password_until_it_is_handed_over() {
    let place = Place::new().await;
    let (role, database) = (place.name("user"), place.name("user_db"));
    let mut admin = postgres_admin(&place).await;
    for statement in [
        format!("CREATE ROLE {role} LOGIN PASSWORD 'theirs'"),
        format!("CREATE DATABASE {database} OWNER {role}"),
    ] {
        admin.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let document = with_postgres(&place, "shop/orion", false);
    let refusal = run(&document).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("role {role} is somebody else's")), "{refusal}");
    postgres(&place, &role, "theirs", &database).await.unwrap();

    admin.execute(AssertSqlSafe(hand_over(&refusal).to_owned())).await.unwrap();
    run(&document).await.unwrap();
    run(&document).await.unwrap();
    postgres(&place, &role, "theirs", &database).await.unwrap_err();
    postgres(&place, &role, "ours", &database).await.unwrap();
}

#[tokio::test]
async fn a_role_and_a_database_of_another_platform_are_left_alone_and_it_is_named() {
    let place = Place::new().await;
    run(&with_postgres(&place, "shop/orion", false)).await.unwrap();
    let other = with_postgres(&place, "stage/orion", false);
    let refusal = run(&other).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("role {} is platform shop/orion's", place.name("user"))), "{refusal}");
    let mut admin = postgres_admin(&place).await;
    admin.execute(AssertSqlSafe(hand_over(&refusal).to_owned())).await.unwrap();
    let refusal = run(&other).await.unwrap_err().to_string();
    let database = place.name("user_db");
    assert!(refusal.contains(&format!("database {database} is platform shop/orion's")), "{refusal}");
    admin.execute(AssertSqlSafe(hand_over(&refusal).to_owned())).await.unwrap();
    run(&other).await.unwrap();
    run(&with_postgres(&place, "shop/orion", false)).await.unwrap_err();
}

#[tokio::test]
async fn a_server_of_the_platforms_own_has_no_accounts_of_others() {
    let place = Place::new().await;
    let mut admin = postgres_admin(&place).await;
    let role = format!("CREATE ROLE {} LOGIN PASSWORD 'old'", place.name("user"));
    admin.execute(AssertSqlSafe(role)).await.unwrap();
    run(&with_postgres(&place, "shop/orion", true)).await.unwrap();
    postgres(&place, &place.name("user"), "ours", &place.name("user_db")).await.unwrap();
}

fn with_redis(place: &Place, platform: &str) -> Document {
    document_of(platform, |document| {
        let mut work = place.redis();
        work.server.own = false;
        work.accounts = vec![RedisAccount {
            user: place.name("auth"),
            password_file: place.file("auth-password", "ours"),
            second: None,
            read: Vec::new(),
            write: vec![format!("auth-{}:*", place.id)],
            channels: Vec::new(),
        }];
        document.redis = Some(work);
    })
}

#[tokio::test]
async fn a_redis_user_of_somebody_else_keeps_its_password_until_it_is_handed_over() {
    let place = Place::new().await;
    let user = place.name("auth");
    let admin = redis(&place, place.redis.username, &place.redis.password).await.unwrap();
    ask(&admin, &format!("ACL SETUSER {user} on >theirs ~* +@all")).await.unwrap();
    let document = with_redis(&place, "shop/orion");
    let refusal = run(&document).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("user {user} is somebody else's")), "{refusal}");
    redis(&place, &user, "theirs").await.unwrap();

    ask(&admin, hand_over(&refusal)).await.unwrap();
    run(&document).await.unwrap();
    run(&document).await.unwrap();
    redis(&place, &user, "theirs").await.unwrap_err();
    redis(&place, &user, "ours").await.unwrap();
    let refusal = run(&with_redis(&place, "stage/orion")).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("user {user} is platform shop/orion's")), "{refusal}");
}

fn with_rabbitmq(place: &Place, platform: &str) -> Document {
    document_of(platform, |document| {
        let mut work = place.rabbitmq();
        work.server.own = false;
        work.accounts = vec![RabbitmqAccount {
            user: place.name("auth"),
            password_file: place.file("auth-password", "ours"),
            second: None,
            publishes: Vec::new(),
            reads: Vec::new(),
        }];
        document.rabbitmq = Some(work);
    })
}

/// As somebody at the management API.
async fn manage(
    place: &Place,
    (user, password): (&str, &str),
    method: Method,
    path: &str,
    body: serde_json::Value,
) -> StatusCode {
    let url = format!("http://{}:{}/api/{path}", place.rabbitmq.host, place.rabbitmq.management_port);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.request(method, url).basic_auth(user, Some(password)).json(&body);
    request.send().await.unwrap().status()
}

/// Whether somebody gets into the platform's virtual host.
async fn amqp(place: &Place, user: &str, password: &str) -> Option<()> {
    let (host, port) = (place.rabbitmq.host, place.rabbitmq.port);
    let uri = format!("amqp://{user}:{password}@{host}:{port}/{}", place.name("orion"));
    lapin::Connection::connect(&uri, lapin::ConnectionProperties::default()).await.ok().map(drop)
}

#[tokio::test]
async fn a_rabbitmq_user_of_somebody_else_keeps_its_password_until_it_is_handed_over() {
    let place = Place::new().await;
    let user = place.name("auth");
    let path = format!("users/{user}");
    let admin = (place.rabbitmq.username, place.rabbitmq.password.as_str());
    let theirs = json!({"password": "theirs", "tags": "management"});
    assert!(manage(&place, admin, Method::PUT, &path, theirs).await.is_success());
    let document = with_rabbitmq(&place, "shop/orion");
    let refusal = run(&document).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("user {user} is somebody else's")), "{refusal}");
    assert_eq!(manage(&place, (&user, "theirs"), Method::GET, "whoami", json!({})).await, StatusCode::OK);
    let vhost = format!("vhosts/{}", place.name("orion"));
    assert_eq!(manage(&place, admin, Method::GET, &vhost, json!({})).await, StatusCode::NOT_FOUND);

    // rabbitmqctl is in the server's image; the API does the same.
    let tag = hand_over(&refusal).strip_prefix(&format!("rabbitmqctl set_user_tags {user} ")).unwrap();
    let tagged = json!({"password": "theirs", "tags": tag});
    assert!(manage(&place, admin, Method::PUT, &path, tagged).await.is_success());
    run(&document).await.unwrap();
    run(&document).await.unwrap();
    assert_eq!(amqp(&place, &user, "theirs").await, None);
    assert_eq!(amqp(&place, &user, "ours").await, Some(()));
    // The mark gives no right.
    let answer = manage(&place, (&user, "ours"), Method::GET, "whoami", json!({})).await;
    assert_eq!(answer, StatusCode::UNAUTHORIZED);
    let refusal = run(&with_rabbitmq(&place, "stage/orion")).await.unwrap_err().to_string();
    assert!(refusal.contains(&format!("user {user} is platform shop/orion's")), "{refusal}");
}
