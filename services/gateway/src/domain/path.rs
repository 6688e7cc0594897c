//! Refuses request paths that two readers could understand differently.
//!
//! The gateway decides by the path's text and forwards that text unchanged. That is safe only while nobody behind it
//! can read another path out of it, so whatever would need normalising is refused instead of normalised.

use percent::{Decoded, decode};

/// Why a path is refused; the text is for the person who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    #[error("The path must begin with a single '/'.")]
    NotAbsolute,
    #[error("The path has an empty segment ('//').")]
    EmptySegment,
    #[error("The path has a '.' or '..' segment, plain or percent-encoded.")]
    DotSegment,
    #[error("The path has an encoded slash, a backslash or a doubly encoded separator.")]
    HiddenSeparator,
    #[error("The path has a control character.")]
    Control,
    #[error("The path has a '%' that is not followed by two hexadecimal digits.")]
    BadEscape,
}

/// Checks a raw (still percent-encoded) path. Bytes that are no UTF-8 are fine: the service decides about them.
pub fn check(raw: &str) -> Result<(), BadPath> {
    let Some(rest) = raw.strip_prefix('/') else { return Err(BadPath::NotAbsolute) };
    let last = rest.split('/').count() - 1;
    for (index, segment) in rest.split('/').enumerate() {
        if segment.is_empty() && index != last {
            return Err(BadPath::EmptySegment);
        }
        check_segment(segment)?;
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), BadPath> {
    let Decoded { bytes, .. } = decode(segment.as_bytes()).ok_or(BadPath::BadEscape)?;
    if bytes.iter().any(|b| b.is_ascii_control()) {
        return Err(BadPath::Control);
    }
    if bytes.iter().any(|b| matches!(b, b'/' | b'\\')) {
        return Err(BadPath::HiddenSeparator);
    }
    // Some readers decode twice: what a second pass would reveal is refused as well.
    let twice = decode(&bytes).filter(|d| d.escapes > 0);
    if twice.iter().any(|d| d.bytes.iter().any(|b| matches!(b, b'/' | b'\\' | b'.') || b.is_ascii_control()))
    {
        return Err(BadPath::HiddenSeparator);
    }
    // "..;x" is ".." to readers that know path parameters.
    let name = bytes.split(|b| *b == b';').next().unwrap_or_default();
    if name == b"." || name == b".." {
        return Err(BadPath::DotSegment);
    }
    Ok(())
}

/// Whether `prefix` covers `path`, by whole segments.
pub fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

mod percent {
    //! Percent-decoding that says how much it decoded.

    pub(super) struct Decoded {
        pub(super) bytes: Vec<u8>,
        pub(super) escapes: usize,
    }

    pub(super) fn decode(raw: &[u8]) -> Option<Decoded> {
        let mut decoded = Decoded { bytes: Vec::with_capacity(raw.len()), escapes: 0 };
        let mut rest = raw;
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first == b'%' {
                let [high, low, tail @ ..] = tail else { return None };
                let hex = |b: u8| (b as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
                decoded.bytes.push(hex(*high)? << 4 | hex(*low)?);
                decoded.escapes += 1;
                rest = tail;
            } else {
                decoded.bytes.push(*first);
            }
        }
        Some(decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_pass() {
        for path in [
            "/",
            "/health",
            "/api/user/profile",
            "/api/user/",
            "/a/b.c/..d",
            "/a/%C3%A9",
            "/a/%ff",
            "/a/50%25",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn paths_that_read_differently_elsewhere_are_refused() {
        for (path, why) in [
            ("", BadPath::NotAbsolute),
            ("*", BadPath::NotAbsolute),
            ("//api/user", BadPath::EmptySegment),
            ("/api//user", BadPath::EmptySegment),
            ("/api/user/../auth", BadPath::DotSegment),
            ("/api/./user", BadPath::DotSegment),
            ("/api/user/..", BadPath::DotSegment),
            ("/api/user/%2e%2e/auth", BadPath::DotSegment),
            ("/api/user/.%2E/auth", BadPath::DotSegment),
            ("/api/user/..;a=b/auth", BadPath::DotSegment),
            ("/api/user/..%3b/auth", BadPath::DotSegment),
            ("/api%2fuser", BadPath::HiddenSeparator),
            ("/api/user/..%2fauth", BadPath::HiddenSeparator),
            ("/api/user/..%5cauth", BadPath::HiddenSeparator),
            ("/api\\user", BadPath::HiddenSeparator),
            ("/api/user/%252e%252e/auth", BadPath::HiddenSeparator),
            ("/api/user/%252fauth", BadPath::HiddenSeparator),
            ("/api/user/%00", BadPath::Control),
            ("/api/user/%0d%0aX: y", BadPath::Control),
            ("/api/user/%zz", BadPath::BadEscape),
            ("/api/user/%2", BadPath::BadEscape),
        ] {
            assert_eq!(check(path), Err(why), "{path}");
        }
    }

    #[test]
    fn a_prefix_covers_whole_segments_only() {
        assert!(covers("/api/user", "/api/user"));
        assert!(covers("/api/user", "/api/user/profile"));
        assert!(!covers("/api/user", "/api/users"));
        assert!(!covers("/api/user/register", "/api/user"));
    }
}
