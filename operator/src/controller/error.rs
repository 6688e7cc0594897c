//! What can go wrong in a reconcile. Everything here is tried again, with growing pauses.

use kube::core::Status;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another operator may be at work: nothing is written until this one leads again.
    #[error("this operator does not lead")]
    NotLeader,
    #[error("{action}: {}", said(.source))]
    Api { action: String, source: Box<kube::Error> },
    #[error("{0}")]
    Input(String),
    /// A revision that is too big to be stored: the spec has to be shortened.
    #[error("{0}")]
    Unstorable(String),
}

impl Error {
    pub fn api(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let action = action.into();
        move |source| Error::Api { action, source: Box::new(source) }
    }

    fn status(&self) -> Option<&Status> {
        match self {
            Error::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same in one word, for counting.
    pub fn kind(&self) -> &'static str {
        match (self, self.status().map(|status| status.code)) {
            (Error::NotLeader, _) => "not_leader",
            (Error::Input(_) | Error::Unstorable(_), _) => "input",
            (Error::Api { .. }, Some(404)) => "not_found",
            (Error::Api { .. }, Some(409)) => "conflict",
            (Error::Api { .. }, Some(429)) => "throttled",
            (Error::Api { .. }, Some(500..)) => "server",
            (Error::Api { .. }, Some(_)) => "refused",
            (Error::Api { .. }, None) => "unreachable",
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(|s| s.code == 404)
    }

    /// The object changed since it was read, or exists already: the watch will tell, and it is tried again.
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(|s| s.code == 409)
    }

    /// The namespace is going away and takes everything with it: there is nothing left to do.
    pub fn namespace_ends(&self) -> bool {
        let ends = |s: &Status| {
            let causes = s.details.iter().flat_map(|d| &d.causes);
            s.code == 403 && causes.into_iter().any(|c| c.reason == "NamespaceTerminating")
                || s.code == 404 && s.message.starts_with("namespaces ")
        };
        self.status().is_some_and(ends)
    }

    /// It goes away by somebody's doing only.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Error::Input(_)) || self.refused().is_some()
    }

    /// The API server understood and refused: worth showing to whoever wrote the spec.
    pub fn refused(&self) -> Option<&str> {
        self.status().filter(|s| matches!(s.code, 400 | 403 | 422)).map(|s| s.message.as_str())
    }
}

/// An API error's own words; its Debug form holds the same three times over.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => {
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(inner) = source {
                let inner_text = inner.to_string();
                if !text.contains(&inner_text) {
                    text = format!("{text}: {inner_text}");
                }
                source = inner.source();
            }
            text
        }
    }
}
