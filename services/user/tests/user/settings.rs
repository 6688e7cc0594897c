//! Settings that make no sense are refused with what to write, and the description says what there is.

use chassis::config::Reader;
use testkit::Env;

use crate::support::World;

#[tokio::test]
async fn bad_settings_are_refused_before_anything_starts() {
    let env = Env::of("user").await;
    let good: Vec<_> = env.variables().collect();
    assert!(chassis::read::<user::User>(Reader::new(good.clone())).is_ok());
    for (name, value) in
        [("ORION_PASSWORD_MIN_LENGTH", "7"), ("ORION_PASSWORD_MIN_LENGTH", "129"), ("ORION_NO_SUCH", "1")]
    {
        let variables = good.iter().cloned().chain([(name.to_owned(), value.to_owned())]);
        let errors = chassis::read::<user::User>(Reader::new(variables)).expect_err("it is refused");
        assert!(errors.to_string().contains(name), "{errors}");
    }
}

#[tokio::test]
async fn a_stricter_password_policy_holds() {
    let cluster = testkit::Cluster::new();
    let env = cluster.env("user").await.set("ORION_PASSWORD_MIN_LENGTH", "40");
    let user = testkit::spawn::<user::User>(env).await;
    let answer = user.post("/api/user/register").json(&crate::support::newcomer("ada")).send().await.unwrap();
    let refused = testkit::problem(answer).await;
    assert_eq!(crate::support::fields(&refused), ["password"]);
    assert!(refused.errors[0].message.contains("40 to 128"), "{refused:?}");
}

#[tokio::test]
async fn its_description_and_health_are_served() {
    let world = World::new().await;
    let client = testkit::client();
    let described = client.get(world.user.management("/openapi.json")).send().await.unwrap();
    let described: serde_json::Value = described.json().await.unwrap();
    for path in ["/api/user/register", "/api/user/profile"] {
        assert!(described["paths"][path].is_object(), "{path}");
    }
    let health: serde_json::Value =
        world.user.get("/api/user/health").send().await.unwrap().json().await.unwrap();
    assert_eq!((&health["status"], &health["service"]), (&"ok".into(), &"user".into()));
}
