//! The few calls of RabbitMQ's management API that provisioning makes.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::document::RabbitmqWork;
use crate::failure::{Failure, Place, read_secret};

pub(super) struct Api {
    client: Client,
    base: String,
    pub(super) username: String,
    password: String,
    pub(super) place: Place,
}

impl Api {
    pub(super) fn of(work: &RabbitmqWork) -> Result<Api, Failure> {
        let server = &work.server;
        let place = Place::of("rabbitmq", server, work.management_port);
        let builder = Client::builder()
            .timeout(Duration::from_secs(20))
            .no_proxy()
            .tls_backend_preconfigured(crate::tls::config(server)?);
        let scheme = if server.tls { "https" } else { "http" };
        Ok(Api {
            client: builder.build().map_err(|error| place.refused(chain(&error)))?,
            base: format!("{scheme}://{}:{}/api", server.host, work.management_port),
            username: read_secret(&server.admin_username_file)?,
            password: read_secret(&server.admin_password_file)?,
            place,
        })
    }

    pub(super) async fn put(&self, path: &[&str], body: &Value) -> Result<(), Failure> {
        self.call(Method::PUT, path, Some(body)).await.map(drop)
    }

    pub(super) async fn post(&self, path: &[&str], body: &Value) -> Result<(), Failure> {
        self.call(Method::POST, path, Some(body)).await.map(drop)
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.call(Method::DELETE, path, None).await.map(drop)
    }

    /// None where there is no such thing.
    pub(super) async fn find(&self, path: &[&str]) -> Result<Option<Value>, Failure> {
        match self.send(Method::GET, path, None).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, text) => self.read(status, &text, path).map(Some),
        }
    }

    pub(super) async fn list(&self, path: &[&str]) -> Result<Vec<Value>, Failure> {
        match self.call(Method::GET, path, None).await? {
            Value::Array(items) => Ok(items),
            _ => Err(self.place.refused("the management API answered something else than a list")),
        }
    }

    async fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value, Failure> {
        let (status, text) = self.send(method, path, body).await?;
        self.read(status, &text, path)
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<(StatusCode, String), Failure> {
        let mut url = self.base.clone();
        for segment in path {
            url.push('/');
            url.push_str(&encode(segment));
        }
        let mut request = self.client.request(method, url).basic_auth(&self.username, Some(&self.password));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.place.passing(chain(&error)))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| self.place.passing(chain(&error)))?;
        Ok((status, text))
    }

    fn read(&self, status: StatusCode, text: &str, path: &[&str]) -> Result<Value, Failure> {
        if status.is_success() {
            return Ok(serde_json::from_str(text).unwrap_or(Value::Null));
        }
        Err(self.explain(status, text, path))
    }

    fn explain(&self, status: StatusCode, text: &str, path: &[&str]) -> Failure {
        let answer: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let reason = answer["reason"].as_str().unwrap_or(text);
        match status {
            StatusCode::UNAUTHORIZED => self.place.refused(format!(
                "login refused for user {:?}: {reason}. It must exist and be an administrator",
                self.username
            )),
            status if status.is_server_error() => self.place.passing(format!("{status}: {reason}")),
            status => self.place.refused(format!("{status} at /api/{}: {reason}", path.join("/"))),
        }
    }
}

/// One segment of a path: names hold dots and, some day, slashes.
fn encode(segment: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    segment.bytes().fold(String::new(), |mut out, byte| {
        match plain(byte) {
            true => out.push(byte.into()),
            false => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// reqwest says what it was doing; the reason is at the end of the chain.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
