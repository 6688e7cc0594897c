//! The rules every entry has to keep. They hold for each service added later without touching this file.

use std::collections::{BTreeSet, HashSet};

use catalog::{SERVICES, STORES, Store, routes, service, store, tier_of};

#[test]
fn every_store_has_an_entry() {
    for s in [Store::Postgres, Store::Redis, Store::Rabbitmq] {
        assert_eq!(store(s.name()).map(|e| e.store), Some(s));
    }
}

#[test]
fn names_and_ports_are_unique() {
    let names: Vec<_> = STORES.iter().map(|s| s.name).chain(SERVICES.iter().map(|s| s.name)).collect();
    let ports: Vec<_> = STORES.iter().map(|s| s.port).chain(SERVICES.iter().map(|s| s.port)).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    assert_eq!(ports.iter().collect::<HashSet<_>>().len(), ports.len());
}

#[test]
fn needs_exist_and_never_point_to_a_later_tier() {
    for s in SERVICES {
        for n in s.needs {
            let tier = tier_of(n.on).unwrap_or_else(|| panic!("{} needs unknown {}", s.name, n.on));
            assert!(tier <= s.tier, "{} (tier {:?}) needs {} of tier {tier:?}", s.name, s.tier, n.on);
        }
    }
}

#[test]
fn needs_have_no_cycle() {
    fn walk(name: &str, path: &mut Vec<String>) {
        assert!(!path.iter().any(|p| p == name), "cycle: {path:?} -> {name}");
        path.push(name.to_owned());
        for n in service(name).map(|s| s.needs).unwrap_or_default() {
            walk(n.on, path);
        }
        path.pop();
    }
    SERVICES.iter().for_each(|s| walk(s.name, &mut Vec::new()));
}

#[test]
fn calls_name_services_that_exist() {
    for s in SERVICES {
        for c in s.calls {
            assert!(service(c).is_some(), "{} calls unknown {c}", s.name);
        }
    }
}

#[test]
fn no_two_services_expose_the_same_prefix() {
    let all = routes();
    assert_eq!(all.iter().map(|(r, _)| r.prefix).collect::<BTreeSet<_>>().len(), all.len());
    assert!(all.iter().all(|(r, _)| r.prefix.starts_with('/') && !r.prefix.ends_with('/')));
}

#[test]
fn what_uses_a_store_needs_it() {
    for s in SERVICES {
        assert!(s.database.is_none() || s.needs.iter().any(|n| n.on == "postgres"), "{}", s.name);
        assert!(s.redis.is_empty() || s.needs.iter().any(|n| n.on == "redis"), "{}", s.name);
        let bus = !s.publishes.is_empty() || s.consumes.is_some();
        assert!(!bus || s.needs.iter().any(|n| n.on == "rabbitmq"), "{}", s.name);
    }
}

#[test]
fn a_generated_secret_belongs_to_one_service() {
    let all: Vec<_> = SERVICES.iter().flat_map(|s| s.secrets).map(|g| g.suffix).collect();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}
