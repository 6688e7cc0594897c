//! Which web origins may read answers. Off until origins are listed; every answer carries it, errors included.

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The allow-list: exact origins, or `*` for any (then without credentials).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    origins: Vec<HeaderValue>,
    any: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("'{0}' is no web origin: write scheme://host[:port] without a path, or * for any")]
pub struct BadOrigin(String);

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str =
    "authorization, content-type, if-match, if-none-match, idempotency-key, traceparent, x-request-id";
const EXPOSED: &str = "etag, location, retry-after, www-authenticate, x-request-id";
const PREFLIGHT_SECONDS: &str = "600";

impl std::str::FromStr for Cors {
    type Err = BadOrigin;

    /// Reads a comma-separated list.
    fn from_str(list: &str) -> Result<Self, BadOrigin> {
        let mut cors = Cors::default();
        for origin in list.split(',').map(str::trim).filter(|o| !o.is_empty()) {
            if origin == "*" {
                cors.any = true;
                continue;
            }
            let bad = || BadOrigin(origin.to_owned());
            let uri: http::Uri = origin.parse().map_err(|_| bad())?;
            let plain = uri.scheme().is_some() && uri.authority().is_some() && !origin.ends_with('/');
            if !plain || uri.path_and_query().is_some_and(|p| p != "/") || origin.contains('@') {
                return Err(bad());
            }
            cors.origins.push(HeaderValue::from_str(&origin.to_ascii_lowercase()).map_err(|_| bad())?);
        }
        Ok(cors)
    }
}

impl Cors {
    pub fn enabled(&self) -> bool {
        self.any || !self.origins.is_empty()
    }

    /// Whether this is a browser asking what it may send: the gateway answers that itself.
    pub fn is_preflight(&self, method: &Method, headers: &HeaderMap) -> bool {
        self.enabled()
            && *method == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Sets the headers for an answer to `origin`, replacing whatever the service said.
    pub fn apply(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>, preflight: bool) {
        let theirs: Vec<HeaderName> =
            headers.keys().filter(|n| n.as_str().starts_with("access-control-")).cloned().collect();
        theirs.iter().for_each(|name| drop(headers.remove(name)));
        if !self.enabled() {
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin else { return };
        if self.origins.contains(origin) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        } else if self.any {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            return;
        }
        if preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_SECONDS));
        } else {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cors: &Cors, origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        cors.apply(&mut headers, Some(&HeaderValue::from_static(origin)), false);
        headers
    }

    #[test]
    fn off_by_default_and_a_service_cannot_turn_it_on() {
        assert!(answer(&Cors::default(), "https://a.example").is_empty());
    }

    #[test]
    fn only_listed_origins_are_answered() {
        let cors = "https://a.example, http://localhost:5173".parse::<Cors>().expect("a list");
        assert_eq!(answer(&cors, "https://a.example")["access-control-allow-origin"], "https://a.example");
        assert!(!answer(&cors, "https://b.example").contains_key("access-control-allow-origin"));
        assert!(!answer(&cors, "null").contains_key("access-control-allow-origin"));
    }

    #[test]
    fn any_origin_goes_without_credentials() {
        let headers = answer(&"*".parse::<Cors>().expect("a list"), "https://b.example");
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in
            ["a.example", "https://a.example/", "https://a.example/x", "https://u@a.example", "https://"]
        {
            assert!(bad.parse::<Cors>().is_err(), "{bad}");
        }
    }
}
