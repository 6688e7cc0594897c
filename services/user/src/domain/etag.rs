//! Entity tags of a profile: its version in quotes. They let two editors notice each other (RFC 9110 §13.1).

use http::HeaderValue;

/// What `If-Match` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    Any,
    Versions(Vec<i64>),
}

pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

pub fn value(version: i64) -> HeaderValue {
    HeaderValue::from_str(&etag(version)).expect("digits in quotes are a header value")
}

/// Reads a list of tags. Weak or foreign tags are legal and match nothing; what is no tag at all is an error.
pub fn parse(list: &str) -> Option<IfMatch> {
    if list.trim() == "*" {
        return Some(IfMatch::Any);
    }
    let mut versions = Vec::new();
    for tag in list.split(',').map(str::trim) {
        let opaque = tag.strip_prefix("W/").unwrap_or(tag);
        let inner = opaque.strip_prefix('"')?.strip_suffix('"')?;
        if !tag.starts_with("W/") {
            versions.extend(inner.parse::<i64>().ok().filter(|v| etag(*v) == opaque));
        }
    }
    Some(IfMatch::Versions(versions))
}

impl IfMatch {
    pub fn allows(&self, version: i64) -> bool {
        match self {
            IfMatch::Any => true,
            IfMatch::Versions(versions) => versions.contains(&version),
        }
    }
}

/// Whether `If-None-Match` says that the reader has this version already. There, weak tags count.
pub fn none_match(list: &str, version: i64) -> bool {
    list.trim() == "*" || list.split(',').any(|t| t.trim().trim_start_matches("W/") == etag(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_strong_tag_of_this_version_matches() {
        for (list, allowed) in [
            ("\"3\"", true),
            ("*", true),
            ("\"2\", \"3\"", true),
            ("\"2\"", false),
            ("W/\"3\"", false),
            ("\"03\"", false),
        ] {
            assert_eq!(parse(list).expect("tags").allows(3), allowed, "{list}");
        }
        assert_eq!(parse("3"), None);
        assert_eq!(parse(""), None);
        assert!(none_match("W/\"3\"", 3) && !none_match("\"2\"", 3));
    }
}
