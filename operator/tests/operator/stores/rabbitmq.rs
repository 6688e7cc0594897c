//! RabbitMQ's start script.

use lapin::{Connection, ConnectionProperties};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use testkit::{eventually, free_ports};

use super::container::Container;

const OLD: &str = r#"it's "old" \ $1"#;
const NEW: &str = "and-this-is-new";

struct Rabbitmq {
    container: Container,
    http: Client,
    port: u16,
    management: u16,
}

impl Rabbitmq {
    fn new() -> Rabbitmq {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (port, management) = (free_ports(1), free_ports(1));
        let ports = [
            ("listeners.tcp.default = 5672", format!("listeners.tcp.default = {port}")),
            ("management.tcp.port = 15672", format!("management.tcp.port = {management}")),
        ];
        let container = Container::of("rabbitmq", &ports)
            .variable("RABBITMQ_DIST_PORT", free_ports(1))
            .variable("ERL_EPMD_PORT", free_ports(1));
        let http = Client::builder().no_proxy().build().expect("a client");
        Rabbitmq { container, http, port, management }
    }

    async fn manage(&self, password: &str, method: Method, path: &str, body: Value) -> Option<StatusCode> {
        let url = format!("http://127.0.0.1:{}/api/{path}", self.management);
        let request = self.http.request(method, url).basic_auth("admin", Some(password)).json(&body);
        request.send().await.ok().map(|answer| answer.status())
    }

    async fn get(&self, password: &str, path: &str) -> Option<StatusCode> {
        self.manage(password, Method::GET, path, json!({})).await
    }

    /// Starts it and returns once the administrator gets in with this password.
    async fn start(&self, password: &str) {
        self.container.start();
        eventually("RabbitMQ lets its administrator in", || async {
            self.container.assert_runs();
            self.get(password, "users").await.filter(StatusCode::is_success)
        })
        .await;
        let uri = format!("amqp://service:service@127.0.0.1:{}/%2f", self.port);
        eventually("RabbitMQ listens", || async {
            match Connection::connect(&uri, ConnectionProperties::default()).await {
                // It has answered, whatever it said.
                Err(error) if error.to_string().contains("refused (os error") => None,
                answer => Some(answer.is_ok()),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_new_password_and_a_new_cookie_are_taken_up_at_the_next_start_and_the_users_stay() {
    let rabbitmq = Rabbitmq::new();
    for (key, value) in [("username", "admin"), ("password", OLD), ("erlang-cookie", "oldcookie")] {
        rabbitmq.container.secret(key, value);
    }
    rabbitmq.start(OLD).await;
    let made = [("vhosts/orion", json!({})), ("users/auth", json!({"password": "auth", "tags": ""}))];
    for (path, body) in made {
        let answer = rabbitmq.manage(OLD, Method::PUT, path, body).await;
        assert_eq!(answer, Some(StatusCode::CREATED), "{path}");
    }
    // Nobody but the Secret's administrator is in there.
    assert_eq!(rabbitmq.get(OLD, "users/guest").await, Some(StatusCode::NOT_FOUND));
    rabbitmq.container.stop();

    rabbitmq.container.secret("password", &format!("{NEW}\n"));
    rabbitmq.container.secret("erlang-cookie", "newcookie");
    rabbitmq.start(NEW).await;
    assert_eq!(rabbitmq.get(OLD, "users").await, Some(StatusCode::UNAUTHORIZED));
    for kept in ["vhosts/orion", "users/auth"] {
        assert_eq!(rabbitmq.get(NEW, kept).await, Some(StatusCode::OK), "{kept}");
    }
    rabbitmq.container.stop();
    for (file, content) in rabbitmq.container.volume() {
        let holds = |password: &str| content.windows(password.len()).any(|part| part == password.as_bytes());
        assert!(!holds(OLD) && !holds(NEW), "{} holds a password", file.display());
    }
    let log = rabbitmq.container.log();
    assert!(!log.contains(NEW) && !log.contains(OLD), "{log}");
}

#[tokio::test]
async fn data_of_another_major_version_is_left_alone_and_the_way_is_said() {
    let rabbitmq = Rabbitmq::new();
    for (key, value) in [("username", "admin"), ("password", OLD), ("erlang-cookie", "cookie")] {
        rabbitmq.container.secret(key, value);
    }
    rabbitmq.start(OLD).await;
    rabbitmq.container.stop();
    let mut files = rabbitmq.container.volume().into_iter();
    let (version, there) = files.find(|(path, _)| path.ends_with("major-version")).unwrap();
    assert_eq!(there, b"4\n");
    std::fs::write(&version, "3\n").unwrap();
    rabbitmq.container.start();
    let said = rabbitmq.container.refuses();
    assert!(said.contains("was written by RabbitMQ 3, and this image has 4: use an image of 3"), "{said}");
    // A volume from before majors were noted.
    std::fs::remove_file(&version).unwrap();
    rabbitmq.start(OLD).await;
    rabbitmq.container.stop();
}
