//! A running auth service with its stores, and the few things every test does with it.

use auth::Auth;
use auth::domain::keyring::Keyring;
use auth::domain::sealing::MasterKey;
use auth::store::signing_keys;
use chassis::Clock;
use contracts::auth::{TokenResponse, UserSummary};
use contracts::{AccessClaims, ProblemDocument, ProblemType, SERVICE_TOKEN_HEADER, new_id};
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::{ClusterHash, CustomCommand};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Header};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::BTreeMap;
use testkit::{Env, TestService};
use uuid::Uuid;

/// 32 bytes, for tests.
pub(crate) const MASTER_KEY: &str = "dGVzdHMgb25seTogMzIgYnl0ZXMgYXJlIHJpZ2h0ISE=";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// How many statements wait for a row that somebody else holds.
pub(crate) const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND datname = current_database()";

pub(crate) struct Stage {
    pub(crate) service: TestService,
    /// Redis with every right.
    pub(crate) redis: fred::clients::Client,
    pub(crate) clock: Clock,
    pub(crate) user_token: String,
    pub(crate) gateway_token: String,
    pub(crate) client: reqwest::Client,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) email: String,
}

pub(crate) async fn env() -> Env {
    Env::of("auth")
        .await
        .set("ORION_KEY_ENCRYPTION_KEY", MASTER_KEY)
        .set("ORION_SIGNING_KEY_CHECK", "50ms")
        .set("ORION_REVOCATION_CHECK", "50ms")
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::of(env().await).await
    }

    pub(crate) async fn of(env: Env) -> Self {
        let clock = Clock::manual(Timestamp::now());
        let (user_token, gateway_token) = (env.caller_token("user"), env.caller_token("gateway"));
        let redis = env.key_space().client().await;
        let service = testkit::spawn_at::<Auth>(env, clock.clone()).await;
        Self { service, redis, clock, user_token, gateway_token, client: testkit::client() }
    }

    pub(crate) fn db(&self) -> &PgPool {
        self.service.chassis().db()
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.clock.advance(time.unsigned_abs());
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.service.url(path))
    }

    pub(crate) fn credential(&self, id: Uuid, body: &Value) -> RequestBuilder {
        let url = self.service.url(&format!("/internal/credentials/{id}"));
        self.client.put(url).header(SERVICE_TOKEN_HEADER, &self.user_token).json(body)
    }

    /// Somebody who can sign in with `PASSWORD`.
    pub(crate) async fn person(&self) -> Person {
        let id = new_id();
        let email = format!("{}@example.org", id.simple());
        let body = credential_body(&email);
        let answer = self.credential(id, &body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED, "{:?}", answer.text().await);
        Person { id, email }
    }

    pub(crate) async fn try_login(&self, email: &str, password: &str) -> Response {
        self.post("/api/auth/login")
            .json(&json!({ "email": email, "password": password }))
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn login(&self, person: &Person) -> TokenResponse {
        tokens(self.try_login(&person.email, PASSWORD).await).await
    }

    pub(crate) async fn try_refresh(&self, token: &str) -> Response {
        self.post("/api/auth/refresh").json(&json!({ "refresh_token": token })).send().await.unwrap()
    }

    pub(crate) async fn try_me(&self, access_token: &str) -> Response {
        self.client.get(self.service.url("/api/auth/me")).bearer_auth(access_token).send().await.unwrap()
    }

    pub(crate) async fn me(&self, access_token: &str) -> UserSummary {
        let answer = self.try_me(access_token).await;
        assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
        answer.json().await.unwrap()
    }

    pub(crate) async fn try_logout(&self, access_token: &str, all: bool) -> Response {
        self.post(&format!("/api/auth/logout?all={all}")).bearer_auth(access_token).send().await.unwrap()
    }

    pub(crate) async fn jwks(&self) -> Value {
        self.client
            .get(self.service.url("/.well-known/jwks.json"))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// The service's own keys, to make tokens that it never would.
    pub(crate) async fn keyring(&self) -> Keyring {
        let keys = signing_keys::all(&mut self.db().acquire().await.unwrap()).await.unwrap();
        Keyring::open(&keys, &MasterKey::from_base64(MASTER_KEY).unwrap()).unwrap()
    }

    /// Signed as the service signs, saying what it would never say.
    pub(crate) async fn forge(&self, change: impl FnOnce(&mut Header, &mut Value)) -> String {
        let keyring = self.keyring().await;
        let now = self.clock.now().as_second();
        let claims = AccessClaims {
            iss: self.service.chassis().settings().token_issuer.clone(),
            aud: contracts::TOKEN_AUDIENCE.to_owned(),
            sub: new_id(),
            exp: now + 900,
            iat: now,
            nbf: now,
            jti: new_id(),
            sid: new_id(),
            ver: 1,
            roles: vec!["admin".to_owned()],
            email: "forged@example.org".to_owned(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(contracts::TOKEN_TYPE.to_owned());
        header.kid = Some(keyring.kid.clone());
        let mut claims = serde_json::to_value(claims).unwrap();
        change(&mut header, &mut claims);
        jsonwebtoken::encode(&header, &claims, &keyring.signer).unwrap()
    }

    pub(crate) async fn redis_get(&self, key: &str) -> Option<String> {
        self.redis.get(key).await.unwrap()
    }

    pub(crate) async fn flush_redis(&self) {
        let _: String = self.as_redis_admin("FLUSHDB", vec![]).await;
    }

    pub(crate) async fn as_redis_admin<R: fred::types::FromValue>(
        &self,
        name: &'static str,
        rest: Vec<&str>,
    ) -> R {
        let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
        self.redis.custom(command, rest.into_iter().map(str::to_owned).collect()).await.unwrap()
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(self.db()).await.unwrap()
    }

    pub(crate) async fn until_count(&self, query: &'static str, least: i64) {
        until(query, || async { self.count(query).await >= least }).await;
    }

    /// All that is in the database, to be compared.
    pub(crate) async fn everything(&self) -> BTreeMap<String, String> {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT table_name::text FROM information_schema.tables
             WHERE table_schema = 'public' AND table_name NOT IN ('_sqlx_migrations', 'outbox')",
        )
        .fetch_all(self.db())
        .await
        .unwrap();
        let mut all = BTreeMap::new();
        for table in tables {
            let query =
                format!("SELECT coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '') FROM {table} t");
            let rows: String =
                sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(self.db()).await.unwrap();
            all.insert(table, rows);
        }
        all
    }
}

pub(crate) fn credential_body(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "username": "ada", "roles": ["user"] })
}

pub(crate) async fn tokens(answer: Response) -> TokenResponse {
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
    answer.json().await.unwrap()
}

/// The answer is this problem, and names its request.
pub(crate) async fn refused(answer: Response, kind: ProblemType) -> ProblemDocument {
    let headers = answer.headers().clone();
    let document = testkit::problem(answer).await;
    assert!(document.is(kind) && document.status == kind.status, "{document:?} is not {}", kind.slug);
    assert_eq!(document.request_id.as_deref(), Some(headers["x-request-id"].to_str().unwrap()));
    document
}

/// Waits for background work; fails when it does not come.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    testkit::eventually(what, || {
        let holds = holds();
        async move { holds.await.then_some(()) }
    })
    .await;
}

/// Another replica over the same stores.
pub(crate) async fn replica(env: &Env, clock: &Clock) -> Result<chassis::Running, chassis::StartError> {
    let (settings, own) = chassis::read::<Auth>(chassis::config::Reader::new(env.variables())).unwrap();
    chassis::start::<Auth>(settings, own, clock.clone()).await
}

/// What an access token says, without checking it.
pub(crate) fn claims(access_token: &str) -> AccessClaims {
    jsonwebtoken::dangerous::insecure_decode::<AccessClaims>(access_token).unwrap().claims
}
