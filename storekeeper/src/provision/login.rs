//! The ways into an account: one, or two while one takes the place of the other.

use std::path::Path;

use crate::document::Login;
use crate::failure::{Failure, read_secret};

pub(super) struct Way<'a> {
    pub(super) name: &'a str,
    /// None: it is to be refused.
    pub(super) password: Option<String>,
}

/// The ways in that a document names. A Secret that has no password for one of two wants it refused; one that has none
/// at all is no such wish, but broken.
pub(super) fn ways<'a>(
    user: &'a str,
    file: &'a Path,
    second: Option<&'a Login>,
) -> Result<Vec<Way<'a>>, Failure> {
    let mut ways = Vec::new();
    for (name, file) in [(user, file)].into_iter().chain(second.map(|s| (s.user.as_str(), &*s.password_file)))
    {
        let wanted = second.is_none() || file.exists();
        let password = if wanted { Some(read_secret(file)?) } else { None };
        ways.push(Way { name, password });
    }
    if ways.iter().all(|way| way.password.is_none()) {
        read_secret(file)?;
    }
    Ok(ways)
}

/// Whose a name in a store is.
pub(super) enum Known {
    Nobodys,
    Ours,
    /// With what there is to say about it.
    SomebodyElses(Failure),
}

impl Known {
    pub(super) fn of(checked: Result<(), Failure>) -> Self {
        checked.map_or_else(Known::SomebodyElses, |()| Known::Ours)
    }
}

impl Way<'_> {
    /// Whether there is anything to do for it in the store. What is to be refused and isn't the platform's own is left
    /// alone; what is to be let in must not be somebody else's.
    pub(super) fn concerns(&self, known: Known) -> Result<bool, Failure> {
        match (known, &self.password) {
            (Known::SomebodyElses(failure), Some(_)) => Err(failure),
            (Known::SomebodyElses(_) | Known::Nobodys, None) => Ok(false),
            (Known::Nobodys, Some(_)) | (Known::Ours, _) => Ok(true),
        }
    }
}

/// The names that a document gives accounts.
pub(super) fn names<'a>(user: &'a str, second: Option<&'a Login>) -> impl Iterator<Item = &'a str> {
    [user].into_iter().chain(second.map(|second| second.user.as_str()))
}
