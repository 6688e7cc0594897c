//! The service: it borrows the catalog's entry of `user`, and does one thing of each kind.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use chassis::config::{Bad, Reader};
use chassis::{Caller, Chassis, ClientAddress, Json, Path, Person, Problem, Query, Service, outbox};
use contracts::events::{Event, UserCreated, UserData};
use contracts::user::UserStatus;
use garde::Validate;
use serde::{Deserialize, Serialize};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Row, SqlStr};
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) struct Sample;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long `/slow` takes.
    pub(crate) slow: Duration,
}

impl Service for Sample {
    const NAME: &'static str = "user";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const REQUEST_TIMEOUT: Option<Duration> = Some(Duration::from_secs(5));
    type Settings = Settings;

    fn settings(reader: &mut Reader) -> Result<Settings, Bad> {
        let _: Result<Option<String>, Bad> =
            reader.optional("ORION_FIRST_ADMIN_DIR", "folder of the first administrator");
        let slow = reader.duration("ORION_SAMPLE_SLOW", Duration::from_millis(300), "how long /slow takes");
        Ok(Settings { slow: slow? })
    }

    fn migrations() -> Option<Migrator> {
        // A real service says `Some(sqlx::migrate!())`.
        let sql = SqlStr::from_static(outbox::SCHEMA);
        let first = Migration::new(1, Cow::Borrowed("outbox"), MigrationType::Simple, sql, false);
        Some(Migrator::with_migrations(vec![first]))
    }

    async fn build(chassis: Chassis, settings: Settings) -> anyhow::Result<Router> {
        chassis.relay_outbox();
        let routes = Router::new()
            .route("/echo", post(echo))
            .route("/small", post(echo).layer(DefaultBodyLimit::max(64)))
            .route("/me", get(me))
            .route("/maybe", get(maybe))
            .route("/caller", get(caller))
            .route("/address", get(address))
            .route("/items/{id}", get(item))
            .route("/panic", get(panic))
            .route("/forever", get(std::future::pending::<()>))
            .route("/events", post(event))
            .route("/waiting", get(waiting))
            .route("/notes/{key}", get(note).put(put_note))
            .with_state(chassis);
        Ok(routes.merge(slow(settings.slow)))
    }
}

/// `/slow`, and `/slow/begun`, which is answered once a request for the first has arrived.
fn slow(takes: Duration) -> Router {
    let begun = Arc::new(Notify::new());
    let begins = begun.clone();
    let slow = move || async move {
        begins.notify_one();
        tokio::time::sleep(takes).await;
    };
    Router::new()
        .route("/slow", get(slow))
        .route("/slow/begun", get(move || async move { begun.notified().await }))
}

#[derive(Debug, Serialize, Deserialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Echo {
    #[garde(length(chars, min = 1, max = 5))]
    short_name: String,
    #[garde(range(max = 10))]
    #[serde(default)]
    count: u32,
}

async fn echo(Json(body): Json<Echo>) -> Json<Echo> {
    Json(body)
}

async fn me(person: Person) -> String {
    person.sub.to_string()
}

async fn maybe(person: Option<Person>) -> String {
    person.map_or_else(|| "nobody".to_owned(), |person| person.sub.to_string())
}

async fn caller(Caller(service): Caller) -> &'static str {
    service.name
}

async fn address(ClientAddress(address): ClientAddress) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u8>,
}

async fn item(Path(id): Path<Uuid>, Query(page): Query<Page>) -> String {
    format!("{id} {}", page.limit.unwrap_or_default())
}

async fn panic() {
    panic!("the secret reason");
}

async fn event(State(chassis): State<Chassis>) -> Result<String, Problem> {
    let id = contracts::new_id();
    let user_data = UserData {
        email: "ada@example.com".to_owned(),
        username: "ada".to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        roles: Vec::new(),
        status: UserStatus::Active,
    };
    let payload = UserCreated { user_id: id, action: "register".to_owned(), user_data };
    let mut transaction = chassis.db().begin().await?;
    outbox::append(&mut transaction, &Event::new(id, 1, chassis.clock().now(), payload)).await?;
    transaction.commit().await?;
    Ok(id.to_string())
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) count: i64,
    pub(crate) attempts: i64,
    pub(crate) error: Option<String>,
}

async fn waiting(State(chassis): State<Chassis>) -> Result<Json<Waiting>, Problem> {
    let row = sqlx::query(
        "SELECT count(*) AS count, coalesce(sum(attempts), 0) AS attempts, max(last_error) AS error FROM outbox",
    )
    .fetch_one(chassis.db())
    .await?;
    Ok(Json(Waiting {
        count: row.try_get("count")?,
        attempts: row.try_get("attempts")?,
        error: row.try_get("error")?,
    }))
}

async fn note(State(chassis): State<Chassis>, Path(key): Path<String>) -> Result<String, Problem> {
    let value = chassis.redis().get(&key).await?;
    value.ok_or_else(|| contracts::problem::NOT_FOUND.into())
}

async fn put_note(State(chassis): State<Chassis>, Path(key): Path<String>) -> Result<(), Problem> {
    Ok(chassis.redis().set_ex(&key, "noted", Duration::from_secs(60)).await?)
}
