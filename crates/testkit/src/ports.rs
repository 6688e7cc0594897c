//! Ports for servers that are told where to listen, in another process and a moment later.
//!
//! A port that the kernel gave and got back is anybody's until then, and with many tests at once somebody takes it: every
//! connection that is opened needs one. So these are of the range that the kernel gives out to nobody, and each is
//! given once, whichever test program asks.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;

use crate::stores::workspace;

/// Below where Kubernetes' node ports begin, and these are below what the kernel gives out.
const RANGE: Range<u16> = 10_000..30_000;

/// The first of several ports in a row that nobody listens on, nor was given before.
pub fn free_ports(count: u16) -> u16 {
    let folder = workspace().join("target/testkit");
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let file = File::options().create(true).truncate(false).write(true).open(folder.join("ports.lock"));
    let _one_at_a_time = file.and_then(|file| file.lock().map(|()| file)).expect("the lock can be taken");
    let next = folder.join("next-port");
    let known = fs::read_to_string(&next).ok().and_then(|text| text.parse().ok());
    // Somewhere of its own, as another clone may run its tests at the same time.
    let mut first = known.unwrap_or_else(|| RANGE.start + (uuid::Uuid::new_v4().as_u128() % 19_000) as u16);
    loop {
        if !RANGE.contains(&first) || !RANGE.contains(&(first + count)) {
            first = RANGE.start;
        }
        let after = first + count;
        if (first..after).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            fs::write(&next, after.to_string()).expect("the folder can be written");
            return first;
        }
        first += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nobody_gets_a_port_that_somebody_else_has() {
        let asking: Vec<_> = (0..8).map(|_| std::thread::spawn(|| [free_ports(3), free_ports(2)])).collect();
        let given = asking.into_iter().flat_map(|asks| {
            let [three, two] = asks.join().unwrap();
            (three..three + 3).chain(two..two + 2)
        });
        let given: Vec<u16> = given.collect();
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), 8 * 5, "{given:?}");
        let by_the_kernel = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let lowest: u16 = by_the_kernel.split_whitespace().next().unwrap().parse().unwrap();
        assert!(given.iter().all(|port| *port < lowest), "{given:?}");
    }

    #[test]
    fn a_port_that_is_listened_on_is_left_out() {
        let mut next = free_ports(1) + 1;
        let _taken = loop {
            match TcpListener::bind(("127.0.0.1", next)) {
                Ok(listener) => break listener,
                Err(_) => next += 1,
            }
        };
        for _ in 0..20 {
            assert_ne!(free_ports(1), next);
        }
    }
}
