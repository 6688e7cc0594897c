//! Which address a request came from, and whom to believe about it.
//!
//! A client can write anything into `x-forwarded-*`. Only a peer inside the configured networks (a load balancer in
//! front of the gateway) is believed; for everybody else the connection itself is the truth.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;

/// A network in CIDR form, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

#[derive(Debug, thiserror::Error)]
#[error("'{0}' is no network: write it as 10.0.0.0/8, fd00::/8 or one address")]
pub struct BadNetwork(String);

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits.parse::<u8>().map_err(|_| bad())?)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| bad())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most { Err(bad()) } else { Ok(Network { base, bits }) }
    }
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// The proxies that are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl FromStr for Networks {
    type Err = BadNetwork;

    /// Reads a comma-separated list.
    fn from_str(list: &str) -> Result<Self, BadNetwork> {
        list.split(',')
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Networks {
    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// What the source address of a connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Who is at the other end: a client, or a proxy.
    Peer,
    /// Nothing: something that many clients share has put its own address in their place, as a node does for a
    /// NodePort with externalTrafficPolicy Cluster.
    Shared,
}

impl FromStr for Source {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "peer" => Ok(Self::Peer),
            "shared" => Ok(Self::Shared),
            _ => Err("write peer or shared"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer => "peer",
            Self::Shared => "shared",
        })
    }
}

/// Where a request came from, as far as that can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// None where nobody can tell: an address that many share must not be counted as one client.
    pub client: Option<IpAddr>,
    pub https: bool,
}

/// Whom to believe about where requests come from.
#[derive(Clone, Debug)]
pub struct Sources {
    pub source: Source,
    pub trusted: Networks,
}

impl Sources {
    /// Reads the origin: from right to left through the proxies that are trusted, stopping at the first that is not.
    pub fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Origin {
        let peer = peer.to_canonical();
        let known = (self.source == Source::Peer).then_some(peer);
        match self.trusted.contain(peer) {
            true => Origin { client: self.forwarded(headers).or(known), https: https(headers) },
            false => Origin { client: known, https: false },
        }
    }

    fn forwarded(&self, headers: &HeaderMap) -> Option<IpAddr> {
        // What a client wrote need not be text: that spoils its own entries and none that a proxy added.
        let lines = headers.get_all("x-forwarded-for").iter();
        let lines: Vec<_> = lines.map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        let hops: Vec<&str> = lines.iter().flat_map(|v| v.split(',')).map(str::trim).collect();
        let mut client = None;
        for hop in hops.iter().rev() {
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            let address = address.to_canonical();
            client = Some(address);
            if !self.trusted.contain(address) {
                break;
            }
        }
        client
    }
}

fn https(headers: &HeaderMap) -> bool {
    let proto = headers.get_all("x-forwarded-proto").iter().next_back();
    proto.is_some_and(|p| p.as_bytes().eq_ignore_ascii_case(b"https"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn peers(trusted: &str) -> Sources {
        Sources { source: Source::Peer, trusted: trusted.parse().expect("networks") }
    }

    fn forwarded(value: impl AsRef<[u8]>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        headers.insert("x-forwarded-for", value);
        headers.insert("x-forwarded-proto", "https".parse().expect("a header value"));
        headers
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let origin = peers("10.0.0.0/8").origin(ip("203.0.113.9"), &forwarded("1.2.3.4"));
        assert_eq!(origin, Origin { client: Some(ip("203.0.113.9")), https: false });
    }

    #[test]
    fn the_right_most_address_that_is_no_trusted_proxy_is_the_client() {
        let sources = peers("10.0.0.0/8, fd00::/8");
        for (value, client) in [
            ("198.51.100.7", "198.51.100.7"),
            ("6.6.6.6, 198.51.100.7, 10.1.1.1", "198.51.100.7"),
            ("6.6.6.6, rubbish, 10.1.1.1", "10.1.1.1"),
            ("", "10.0.0.1"),
        ] {
            let origin = sources.origin(ip("::ffff:10.0.0.1"), &forwarded(value));
            assert_eq!(origin, Origin { client: Some(ip(client)), https: true }, "{value}");
        }
    }

    #[test]
    fn what_is_no_text_hides_no_address_that_a_proxy_wrote() {
        for (value, client) in [
            (&b"\xff, 198.51.100.7"[..], "198.51.100.7"),
            (b"6.6.6.6\xff, 198.51.100.7, 10.1.1.1", "198.51.100.7"),
            (b"6.6.6.6, 198.51.100.7\xff", "10.0.0.1"),
        ] {
            let origin = peers("10.0.0.0/8").origin(ip("10.0.0.1"), &forwarded(value));
            assert_eq!(origin.client, Some(ip(client)), "{value:?}");
        }
    }

    #[test]
    fn an_address_that_many_share_is_nobodys_and_a_trusted_proxy_may_know_better() {
        let sources = Sources { source: Source::Shared, ..peers("10.0.0.0/8") };
        let client = |peer, value| sources.origin(ip(peer), &forwarded(value)).client;
        assert_eq!(client("192.0.2.1", "198.51.100.7"), None);
        assert_eq!(client("10.0.0.1", "198.51.100.7"), Some(ip("198.51.100.7")));
        assert_eq!(client("10.0.0.1", ""), None);
    }

    #[test]
    fn networks_are_read_strictly() {
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "a.b.c.d", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let all: Network = "0.0.0.0/0".parse().expect("a network");
        assert!(all.contains(ip("8.8.8.8")) && !all.contains(ip("::1")));
        let one: Network = "192.0.2.1".parse().expect("a network");
        assert!(one.contains(ip("192.0.2.1")) && !one.contains(ip("192.0.2.2")));
    }
}
