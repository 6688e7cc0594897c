//! Where a request came from, kept beside what it did.

use std::net::{IpAddr, Ipv6Addr};

#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
}

impl Origin {
    pub fn new(ip: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let bounded = |text: &str| text.chars().filter(|c| !c.is_control()).take(256).collect();
        Self { ip: ip.map(|ip| ip.to_canonical()), user_agent: user_agent.map(bounded) }
    }

    pub fn ip(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }

    /// What failed logins are counted by: one customer has a whole /64 of IPv6 addresses to guess from.
    pub fn network(&self) -> Option<String> {
        Some(match self.ip? {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("{}/64", Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let of = |ip: &str| Origin::new(Some(ip.parse().unwrap()), None).network().unwrap();
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2::ffff"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn a_user_agent_is_bounded_and_has_no_control_characters() {
        let agent = Origin::new(None, Some(&format!("a\nb{}", "x".repeat(1000)))).user_agent.unwrap();
        assert!(agent.starts_with("abx") && agent.len() == 256);
    }
}
