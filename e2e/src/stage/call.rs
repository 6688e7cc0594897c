//! One call of an operator to the API server, as the proxy between them saw it.

use std::time::Duration;

use http::{Method, Request};
use serde_json::Value;

use super::state::without_hashes;

#[derive(Clone, Debug)]
pub struct Call {
    /// Since the scene began.
    pub at: Duration,
    /// get, list, watch, create, update, patch or delete.
    pub verb: &'static str,
    pub path: String,
    pub query: String,
    /// `deployments`; empty where the path is no resource's.
    pub resource: String,
    pub name: String,
    pub subresource: String,
    /// What was sent; null for nothing.
    pub body: Value,
    /// The status of the answer; None while there is none, or if it never reached the operator.
    pub code: Option<u16>,
}

impl Call {
    pub(crate) fn of<B>(request: &Request<B>, body: &[u8], at: Duration) -> Call {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let place = Target::of(path);
        let watches = query.split('&').any(|part| matches!(part, "watch=true" | "watch=1"));
        let verb = match *request.method() {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ if watches => "watch",
            _ if place.name.is_empty() && !place.resource.is_empty() => "list",
            _ => "get",
        };
        let mut call = Call {
            at,
            verb,
            path: path.to_owned(),
            query: query.to_owned(),
            resource: place.resource.to_owned(),
            name: place.name.to_owned(),
            subresource: place.subresource.to_owned(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            code: None,
        };
        if verb == "create" {
            call.name = call.body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        }
        call
    }

    pub fn writes(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch")
    }

    /// What it does to which thing, whenever and by whomever it is done.
    pub fn likeness(&self) -> String {
        let Call { verb, resource, subresource, .. } = self;
        let thing = if resource.is_empty() { self.path.clone() } else { without_hashes(&self.name) };
        // Of one kind, and told apart by what is looked for.
        let narrow = if *verb == "list" && self.query.contains("name%3D") { "one unit's" } else { "" };
        format!("{verb} {resource} {thing} {subresource} {narrow}")
    }

    /// What it says, without what is random in it or counts.
    fn said(&self) -> String {
        let mut body = self.body.clone();
        if let Some(secret) = body.as_object_mut().filter(|_| self.on("secrets")) {
            secret.remove("data");
        }
        without_hashes(&body.to_string()).replace(|c: char| c.is_ascii_digit(), "")
    }

    /// Whether it does and says the same.
    pub fn is_like(&self, other: &Call) -> bool {
        self.likeness() == other.likeness() && self.said() == other.said()
    }

    /// It made the object, by whichever verb.
    pub fn made(&self) -> bool {
        self.writes() && self.code == Some(201)
    }

    /// Which kinds there are: asked ever more seldom, down to once in five minutes, for those that may come at any time.
    pub fn asks_for_kinds(&self) -> bool {
        self.verb == "get" && self.path == "/apis"
    }

    pub fn on(&self, resource: &str) -> bool {
        self.resource == resource
    }

    /// One line, for people.
    pub fn told(&self) -> String {
        let code = self.code.map_or("no answer".to_owned(), |code| code.to_string());
        format!("{:8.3} {:6} {}?{} → {code}", self.at.as_secs_f64(), self.verb, self.path, self.query)
    }
}

/// What a path is about.
#[derive(Default)]
struct Target<'a> {
    resource: &'a str,
    name: &'a str,
    subresource: &'a str,
}

impl<'a> Target<'a> {
    fn of(path: &'a str) -> Target<'a> {
        let mut parts = path.trim_start_matches('/').split('/');
        match parts.next() {
            Some("api") => drop(parts.next()),
            Some("apis") => drop((parts.next(), parts.next())),
            _ => return Target::default(),
        }
        let rest: Vec<&str> = parts.collect();
        let rest = match rest.as_slice() {
            ["namespaces", _, inside @ ..] if !inside.is_empty() => inside,
            all => all,
        };
        let part = |index: usize| rest.get(index).copied().unwrap_or_default();
        Target { resource: part(0), name: part(1), subresource: part(2) }
    }
}
