//! One request, one trace, through every service that works on it.

use serde_json::json;
use testkit::{Cluster, Collector, Mood, SeenSpan};

#[tokio::test]
async fn a_registration_is_one_trace_from_the_edge_to_the_credential() {
    let collector = Collector::new(Mood::Takes).await;
    let cluster = Cluster::new();
    let key = format!("{}=", "A".repeat(43));
    let traced = async |name: &str| cluster.env(name).await.set("ORION_OTLP_ENDPOINT", collector.url());
    let auth = traced("auth").await.set("ORION_KEY_ENCRYPTION_KEY", key);
    let auth = testkit::spawn::<auth::Auth>(auth).await;
    let user = testkit::spawn::<user::User>(traced("user").await.peer("auth", &auth.url(""))).await;
    let env = traced("gateway").await.peer("auth", &auth.url("")).peer("user", &user.url(""));
    let gateway = testkit::spawn::<gateway::Gateway>(env).await;

    let newcomer = json!({"email": "ada@example.com", "username": "ada", "password": "correct horse battery",
        "firstName": "Ada", "lastName": "Lovelace"});
    let registered = gateway.post("/api/user/register?utm=x").json(&newcomer).send().await.unwrap();
    assert_eq!(registered.status(), 201);
    for service in [gateway, user, auth] {
        service.stop().await;
    }

    let spans = collector.spans();
    let named = |service: &str, name: &str| -> &SeenSpan {
        let of = |span: &&SeenSpan| span.resource["service.name"] == service && span.span.name == name;
        let mut found = spans.iter().filter(of);
        found.next().unwrap_or_else(|| panic!("{service}: {name}: {spans:#?}"))
    };
    let edge = spans
        .iter()
        .find(|span| span.resource["service.name"] == "orion-gateway" && span.parent_id.is_empty());
    let edge = edge.expect("the gateway begins it");
    let passed = named("orion-gateway", "POST");
    let served = named("orion-user", "POST /api/user/register");
    let asked = named("orion-user", "PUT");
    let stored = named("orion-auth", "PUT /internal/credentials/{user_id}");
    for (child, parent) in [(passed, edge), (served, passed), (asked, served), (stored, asked)] {
        assert_eq!((&child.parent_id, &child.trace_id), (&parent.span_id, &parent.trace_id), "{child:#?}");
    }
    assert_eq!(passed.attribute("http.response.status_code"), "201");
    let everything = format!("{spans:?}");
    for secret in ["utm", "correct horse", "ada@example.com"] {
        assert!(!everything.contains(secret), "{secret}");
    }
}
