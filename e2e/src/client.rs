//! A client of the platform, outside the cluster: it knows the gateway's address and nothing else.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Service;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::arena::{Arena, PLATFORM, eventually};

#[derive(Clone)]
pub struct Gateway {
    base: String,
    http: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub content_type: String,
    pub body: Value,
    pub text: String,
}

impl Gateway {
    /// By the gateway's NodePort on the first node, once it is open there: a node learns of a pod that has become ready
    /// a moment after the API server.
    pub async fn of(arena: &Arena) -> Result<Gateway> {
        let service = arena.api::<Service>().get(&catalog::object_name(PLATFORM, "gateway-external")).await?;
        let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
        let port = ports.iter().find_map(|port| port.node_port).context("the gateway has no NodePort")?;
        let nodes = arena.ground.cluster.node_ips();
        let node = nodes.first().context("the cluster has no node")?;
        let http =
            reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(30)).build()?;
        let gateway = Gateway { base: format!("http://{node}:{port}"), http };
        eventually("the NodePort is open", async || gateway.get("/health", None).await.map(Some)).await?;
        Ok(gateway)
    }

    /// `http://address:port`
    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Result<Answer> {
        self.call(Method::GET, path, token, None).await
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Result<Answer> {
        self.call(Method::POST, path, token, Some(body)).await
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| format!("ask the gateway for {path}"))?;
        let status = response.status();
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, content_type, body, text })
    }
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// A text in the body.
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> &str {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} in {}", self.text))
    }
}
