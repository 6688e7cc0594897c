//! Which headers pass the gateway, in each direction.
//!
//! Nothing that a client sends may reach a service as if the platform had said it, and nothing that a service says
//! about itself may reach a client.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::address::Origin;

const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const HOP_BY_HOP_NAMES: [&str; 2] = ["keep-alive", "proxy-connection"];
const ABOUT_THE_SERVER: [&str; 4] = ["server", "via", "x-powered-by", "x-aspnet-version"];
const INTERNAL: &str = "x-orion-";

/// Removes what belongs to one connection only, including whatever `Connection` names (RFC 9110 §7.6.1).
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    // Framing and the caller's identity are not the client's to take away.
    for name in
        named.iter().filter(|n| ![header::CONTENT_LENGTH, header::HOST, header::AUTHORIZATION].contains(n))
    {
        headers.remove(name);
    }
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(name)));
    HOP_BY_HOP_NAMES.iter().for_each(|name| drop(headers.remove(*name)));
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|n| unwanted(n.as_str())).cloned().collect();
    names.iter().for_each(|name| drop(headers.remove(name)));
}

/// Makes a client's headers fit to be sent to a service.
pub fn for_service(headers: &mut HeaderMap, origin: Origin, host: Option<HeaderValue>) {
    remove_hop_by_hop(headers);
    remove_where(headers, |name| {
        name.starts_with(INTERNAL)
            || name.starts_with("x-forwarded-")
            || matches!(name, "forwarded" | "x-real-ip")
    });
    headers.remove(header::HOST);
    // The server that accepted the request answers `Expect`; the services never see it.
    headers.remove(header::EXPECT);
    if let Some(client) = origin.client {
        let address = HeaderValue::from_str(&client.to_string()).expect("an address is ASCII");
        headers.insert("x-forwarded-for", address);
    }
    headers
        .insert("x-forwarded-proto", HeaderValue::from_static(if origin.https { "https" } else { "http" }));
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
}

/// Makes a service's headers fit to be sent to a client; `switching` is an answer that changes the protocol.
pub fn for_client(headers: &mut HeaderMap, switching: bool) {
    let protocol = headers.get(header::UPGRADE).filter(|_| switching).cloned();
    remove_hop_by_hop(headers);
    if let Some(protocol) = protocol {
        set_upgrade(headers, protocol);
    }
    remove_where(headers, |name| name.starts_with(INTERNAL) || ABOUT_THE_SERVER.contains(&name));
}

/// Asks, or agrees, to change to `protocol`.
pub fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, protocol);
}

/// The protocol that a request asks to change to, if it asks properly.
pub fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers.get_all(header::CONNECTION).iter().filter_map(|v| v.to_str().ok());
    let asked = asked.flat_map(|v| v.split(',')).any(|t| t.trim().eq_ignore_ascii_case("upgrade"));
    headers.get(header::UPGRADE).filter(|_| asked).cloned()
}

/// Two ways to say where a body ends are how requests are smuggled: such a request is refused.
pub fn ambiguous_framing(headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    lengths > 1 || (lengths == 1 && headers.contains_key(header::TRANSFER_ENCODING))
}

/// The octets that a request's headers take, as RFC 7541 would count them without its constant.
pub fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn origin() -> Origin {
        Origin { client: Some([192, 0, 2, 1].into()), https: false }
    }

    #[test]
    fn what_a_client_says_about_itself_is_replaced() {
        let mut map = headers(&[
            ("x-orion-service-token", "forged"),
            ("X-Orion-Anything", "forged"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/x"),
            ("forwarded", "for=1.1.1.1"),
            ("x-real-ip", "1.1.1.1"),
            ("host", "platform.example"),
            ("accept", "*/*"),
        ]);
        for_service(&mut map, origin(), Some(HeaderValue::from_static("platform.example")));
        let expected = headers(&[
            ("accept", "*/*"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "platform.example"),
        ]);
        assert_eq!(map, expected);
    }

    #[test]
    fn what_belongs_to_one_connection_stays_there() {
        let mut map = headers(&[
            ("connection", "keep-alive, X-Private, authorization"),
            ("connection", "upgrade"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("transfer-encoding", "chunked"),
            ("x-private", "1"),
            ("authorization", "Bearer t"),
        ]);
        remove_hop_by_hop(&mut map);
        assert_eq!(map, headers(&[("authorization", "Bearer t")]));
    }

    #[test]
    fn what_a_service_says_about_itself_is_removed() {
        let mut map =
            headers(&[("server", "x/1"), ("x-powered-by", "y"), ("x-orion-node", "z"), ("etag", "\"1\"")]);
        for_client(&mut map, false);
        assert_eq!(map, headers(&[("etag", "\"1\"")]));
    }

    #[test]
    fn two_framings_are_ambiguous() {
        assert!(ambiguous_framing(&headers(&[("content-length", "1"), ("transfer-encoding", "chunked")])));
        assert!(ambiguous_framing(&headers(&[("content-length", "1"), ("content-length", "1")])));
        assert!(!ambiguous_framing(&headers(&[("transfer-encoding", "chunked")])));
    }

    #[test]
    fn an_upgrade_needs_both_headers() {
        assert!(upgrade(&headers(&[("connection", "Upgrade"), ("upgrade", "websocket")])).is_some());
        assert!(upgrade(&headers(&[("upgrade", "websocket")])).is_none());
    }
}
