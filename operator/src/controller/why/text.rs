//! Shortens what Kubernetes says to what a person needs.

/// The longest message that is passed on. A stack trace belongs in the log.
const LONGEST: usize = 300;

/// The last line that says something: programs say why they end at the end.
pub(super) fn one_line(text: &str) -> String {
    let line = text.lines().map(str::trim).rfind(|l| !l.is_empty()).unwrap_or_default();
    match line.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line.to_owned(),
    }
}

/// What a program said at its end. PostgreSQL goes on to tell of its end once it has said why.
pub(super) fn last_words(text: &str) -> String {
    let grave = |line: &&str| ["FATAL:", "PANIC:"].iter().any(|level| line.contains(level));
    text.lines().rfind(grave).map_or_else(|| one_line(text), one_line)
}

/// "0/2 nodes are available: 2 Insufficient cpu. preemption: …" becomes "0/2 nodes fit: Insufficient cpu".
pub(super) fn scheduling(message: &str) -> String {
    let message = message.split(". preemption:").next().unwrap_or_default();
    let message = message.split(". no new claims to deallocate").next().unwrap_or_default();
    let message = one_line(message.trim_end_matches('.'));
    let Some((nodes, reasons)) = message.split_once(" nodes are available: ") else {
        return message;
    };
    let reasons = match reasons.split_once(' ') {
        // With one reason the count only repeats how many nodes there are.
        Some((count, reason)) if !reasons.contains(", ") && count.parse::<u32>().is_ok() => reason,
        _ => reasons,
    };
    format!("{nodes} nodes fit: {}", reasons.trim_start_matches("node(s) "))
}

/// "ghcr.io/acme/auth:9.9.9: not found" from the chain of errors that a container runtime gives.
pub(super) fn image_error(image: &str, message: &str) -> String {
    let mut rest = message;
    for layer in [
        "Back-off pulling image",
        "ErrImagePull",
        "rpc error: code =",
        "failed to pull and unpack image",
        "failed to pull image",
        "failed to resolve reference",
        "failed to resolve image",
        "failed to do request",
        "failed to copy",
    ] {
        let Some(at) = rest.find(layer) else { continue };
        let inner = &rest[at + layer.len()..];
        rest = match (layer, inner.split_once(" desc = ")) {
            ("rpc error: code =", Some((_, description))) => description,
            // What follows may be quoted and hold colons of its own: the layer ends where its quotes do.
            _ => match inner.trim_start().strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
                Some((_, after)) => after,
                None => inner,
            },
        };
        rest = rest.trim_start_matches([':', ' ']);
    }
    let rest = one_line(rest.trim_start_matches(image).trim_start_matches([':', ' ']));
    if rest.is_empty() { image.to_owned() } else { format!("{image}: {rest}") }
}
