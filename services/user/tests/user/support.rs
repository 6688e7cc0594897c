//! A user service and the auth service it works with.

use chassis::Clock;
use contracts::auth::TokenResponse;
use contracts::user::Profile;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::{Cluster, Env, Proxy, TestService};
use user::config::Config;
use user::state::State;
use uuid::Uuid;

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct World {
    pub(crate) auth: TestService,
    pub(crate) user: TestService,
    /// Between the two.
    pub(crate) line: Proxy,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::at(Clock::system()).await
    }

    pub(crate) async fn at(clock: Clock) -> Self {
        let cluster = Cluster::new();
        let auth = testkit::spawn_at::<auth::Auth>(auth_env(&cluster).await, clock.clone()).await;
        let line = Proxy::to(&auth.url("")).await;
        let env = cluster.env("user").await.peer("auth", line.url());
        let user = testkit::spawn_at::<user::User>(env, clock).await;
        World { auth, user, line }
    }

    /// What the service's own functions work on.
    pub(crate) fn state(&self) -> State {
        state(&self.user)
    }

    pub(crate) fn register(&self, body: &Value) -> RequestBuilder {
        self.user.post("/api/user/register").json(body)
    }

    /// A registered person with an access token.
    pub(crate) async fn person(&self, username: &str) -> (Profile, String) {
        let answer = self.register(&newcomer(username)).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::CREATED);
        let profile = answer.json().await.expect("a profile");
        let tokens = self.login(username, PASSWORD).await;
        (profile, tokens.access_token)
    }

    pub(crate) async fn login(&self, username: &str, password: &str) -> TokenResponse {
        let body = json!({"email": format!("{username}@example.com"), "password": password});
        let answer = self.auth.post("/api/auth/login").json(&body).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
        answer.json().await.expect("tokens")
    }

    pub(crate) fn read(&self, token: &str) -> RequestBuilder {
        self.user.get("/api/user/profile").bearer_auth(token)
    }

    pub(crate) fn patch(&self, token: &str, body: &Value) -> RequestBuilder {
        self.user.request(Method::PATCH, "/api/user/profile").bearer_auth(token).json(body)
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        let one = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(self.user.chassis().db());
        one.await.expect("the table is there")
    }

    /// Whether auth has a credential for this id.
    pub(crate) async fn credential_exists(&self, id: Uuid) -> bool {
        self.state().credentials.exists(id).await.expect("auth answers")
    }
}

pub(crate) async fn auth_env(cluster: &Cluster) -> Env {
    // 32 bytes of zero: a test's key protects nothing.
    let key = format!("{}=", "A".repeat(43));
    cluster.env("auth").await.set("ORION_KEY_ENCRYPTION_KEY", key)
}

pub(crate) fn state(user: &TestService) -> State {
    let policy = contracts::PasswordPolicy { least: 12 };
    State::new(user.chassis(), &Config { password_policy: policy, first_admin: None })
}

pub(crate) fn newcomer(username: &str) -> Value {
    json!({
        "email": format!("{username}@example.com"),
        "username": username,
        "password": PASSWORD,
        "firstName": "Ada",
        "lastName": "Lovelace",
    })
}

/// The fields that a problem names.
pub(crate) fn fields(problem: &contracts::ProblemDocument) -> Vec<&str> {
    problem.errors.iter().map(|error| error.field.as_str()).collect()
}
