//! The major version of a store, from the name of its image. Between majors data is not carried over by just starting
//! another image, so that it must not happen by an edit of a tag.

use catalog::Store;

/// None where the name doesn't say: a digest alone, `latest`, or an image of somebody's own with tags of its own. The
/// start script then looks at the data itself.
pub fn of(store: Store, image: &str) -> Option<u32> {
    let name = image.split('@').next().unwrap_or_default();
    let (path, tag) = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'))?;
    let program = path.rsplit('/').next().unwrap_or_default();
    let (called, plausible) = match store {
        Store::Postgres => (["postgres", "pgvector"].as_slice(), 9..=99),
        Store::Rabbitmq => (["rabbitmq"].as_slice(), 3..=9),
        Store::Redis => return None,
    };
    let parts = || tag.split(['-', '_']);
    // As in pgvector's 0.8.1-pg17, where the number in front is another program's.
    let named = parts().find_map(|part| leading(part.strip_prefix("pg")?));
    let own = || leading(tag).filter(|_| called.iter().any(|word| program.contains(word)));
    let major = if store == Store::Postgres { named.or_else(own) } else { own() };
    major.filter(|major| plausible.contains(major))
}

fn leading(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    (rest.is_empty() || rest.starts_with(['.', '-', '_'])).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_is_read_from_the_usual_tags() {
        for (image, major) in [
            ("docker.io/pgvector/pgvector:pg17", 17),
            ("docker.io/pgvector/pgvector:0.8.1-pg17-trixie", 17),
            ("postgres:17", 17),
            ("postgres:17.2-alpine", 17),
            ("registry.example.com:5000/acme/postgresql:16.4_2@sha256:0123", 16),
            ("ghcr.io/cloudnative-pg/postgresql:18", 18),
        ] {
            assert_eq!(of(Store::Postgres, image), Some(major), "{image}");
        }
        for (image, major) in
            [("rabbitmq:4-management", 4), ("rabbitmq:4.1.2-management-alpine", 4), ("rabbitmq:3.13", 3)]
        {
            assert_eq!(of(Store::Rabbitmq, image), Some(major), "{image}");
        }
    }

    #[test]
    fn what_does_not_say_is_unknown() {
        for image in [
            "postgres",
            "postgres:latest",
            "postgres@sha256:0123",
            "registry.example.com:5000/postgres",
            "example.com/acme/database:17",
            "example.com/acme/postgres:1.2.3",
            "example.com/acme/postgres:2026-01-31",
            "postgres:17beta",
        ] {
            assert_eq!(of(Store::Postgres, image), None, "{image}");
        }
        assert_eq!(of(Store::Rabbitmq, "rabbitmq:management"), None);
        assert_eq!(of(Store::Redis, "redis:8"), None);
    }
}
