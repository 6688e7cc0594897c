//! The keys by which services know each other.

use operator::controller::cache::Key;
use operator::controller::keys::{Published, config_map};
use serde_json::{Value, json};

const NOON: &str = "2026-01-01T12:00:00Z";

fn published(ids: &[&str]) -> Published {
    let keys = ids.iter().map(|id| json!({"kid": id, "kty": "RSA"})).collect();
    Published { issuer: "https://kubernetes.default.svc".to_owned(), keys }
}

fn at(published: &Published, live: Option<&Value>, time: &str) -> Value {
    let platform = Key { namespace: "ns".to_owned(), name: "orion".to_owned() };
    config_map(&platform, published, live, time.parse().expect("a time"))
}

fn ids(config_map: &Value) -> Vec<String> {
    let text = config_map["data"]["callers.json"].as_str().expect("text");
    let callers: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(callers["issuer"], "https://kubernetes.default.svc");
    let keys = callers["keys"].as_array().expect("a list");
    keys.iter().map(|key| key["kid"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn the_same_keys_give_the_same_object_whatever_their_order_and_the_time() {
    let first = at(&published(&["a", "b"]), None, NOON);
    assert_eq!(at(&published(&["b", "a"]), Some(&first), "2026-01-02T12:00:00Z"), first);
}

#[test]
fn a_removed_key_is_kept_for_an_hour() {
    let first = at(&published(&["a"]), None, NOON);
    let rotated = at(&published(&["b"]), Some(&first), "2026-01-01T12:01:00Z");
    assert_eq!(ids(&rotated), ["b", "a"]);
    let later = at(&published(&["b"]), Some(&rotated), "2026-01-01T13:00:59Z");
    assert_eq!(later, rotated);
    let over = at(&published(&["b"]), Some(&later), "2026-01-01T13:01:01Z");
    assert_eq!(ids(&over), ["b"]);
}

#[test]
fn a_key_that_comes_back_is_not_dropped() {
    let first = at(&published(&["a"]), None, NOON);
    let away = at(&published(&["b"]), Some(&first), "2026-01-01T12:01:00Z");
    let back = at(&published(&["a", "b"]), Some(&away), "2026-01-01T12:02:00Z");
    assert_eq!(ids(&at(&published(&["a", "b"]), Some(&back), "2026-01-01T14:00:00Z")), ["a", "b"]);
}

#[test]
fn a_config_map_that_somebody_broke_is_made_anew() {
    let broken = json!({"data": {"callers.json": "{", "removed.json": "[1]"}});
    assert_eq!(ids(&at(&published(&["a"]), Some(&broken), NOON)), ["a"]);
}
