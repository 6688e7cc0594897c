//! A service in the test's own process, started the way the real one is.

use chassis::{Chassis, Clock, Running, Service};
use contracts::ProblemDocument;
use reqwest::{Client, Method, RequestBuilder, Response};

use crate::cluster::Cluster;
use crate::env::Env;

pub struct TestService {
    running: Running,
    client: Client,
    env: Env,
}

/// Starts a service; it is ready when this returns.
pub async fn spawn<S: Service>(env: Env) -> TestService {
    spawn_at::<S>(env, Clock::system()).await
}

/// The same, with a clock of the test's.
pub async fn spawn_at<S: Service>(env: Env, clock: Clock) -> TestService {
    let reader = chassis::config::Reader::new(env.variables());
    let (settings, own) = chassis::read::<S>(reader).unwrap_or_else(|errors| panic!("{}: {errors}", S::NAME));
    let started = chassis::start::<S>(settings, own, clock).await;
    let running = started.unwrap_or_else(|error| panic!("{} does not start: {error}", S::NAME));
    TestService { running, client: client(), env }
}

impl TestService {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address())
    }

    pub fn management(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.management_address())
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    pub fn chassis(&self) -> &Chassis {
        self.running.chassis()
    }

    pub fn env(&self) -> &Env {
        &self.env
    }

    pub fn env_mut(&mut self) -> &mut Env {
        &mut self.env
    }

    pub fn cluster(&self) -> &Cluster {
        self.env.cluster()
    }

    /// Ends it as SIGTERM would, and gives the environment back for another start over the same stores.
    pub async fn stop(self) -> Env {
        self.running.stop().await;
        self.env
    }
}

/// A client that follows nothing and knows no proxy.
pub fn client() -> Client {
    chassis::install_crypto();
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().expect("a client can be made")
}

/// The problem document of an answer that is one; anything else fails the test.
pub async fn problem(answer: Response) -> ProblemDocument {
    let status = answer.status().as_u16();
    let content_type = answer.headers().get("content-type").cloned();
    let text = answer.text().await.expect("the answer is text");
    assert!(
        content_type.is_some_and(|value| value == contracts::problem::CONTENT_TYPE),
        "{status} is no problem document: {text}"
    );
    let document: ProblemDocument = serde_json::from_str(&text).expect("a problem document has its form");
    assert_eq!(document.status, status);
    document
}
