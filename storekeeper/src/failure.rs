//! Why something could not be done in a store, in the one line that ends up in the platform's status.

use std::fmt;
use std::path::Path;

use crate::document::Server;

/// Displayed as `postgres:5432: password authentication failed for user "postgres"`.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {cause}")]
pub struct Failure {
    place: String,
    cause: String,
    /// The store may answer differently in a moment: it is starting, or on its way back.
    pub(crate) passing: bool,
}

/// A store by name and place, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Place(String);

impl Place {
    /// What is no store: a folder, a bucket, a backup.
    pub(crate) fn named(name: impl fmt::Display) -> Place {
        Place(name.to_string())
    }

    /// A Service of the platform is known by the store's name; what is elsewhere needs its host as well.
    pub(crate) fn of(store: &str, server: &Server, port: u16) -> Place {
        Place(match server.host.contains('.') {
            true => format!("{store} at {}:{port}", server.host),
            false => format!("{store}:{port}"),
        })
    }

    /// It said no, or is not what it should be: trying again at once is no use.
    pub(crate) fn refused(&self, cause: impl fmt::Display) -> Failure {
        Failure { place: self.0.clone(), cause: one_line(cause), passing: false }
    }

    /// A service's account under the administrator's name would take that one's password and powers.
    pub(crate) fn apart<'a>(
        &self,
        administrator: &str,
        mut accounts: impl Iterator<Item = &'a str>,
    ) -> Result<(), Failure> {
        if accounts.any(|account| account == administrator) {
            return Err(self.refused(format!(
                "{administrator} is the name of a service's account: give an administrator of another name"
            )));
        }
        Ok(())
    }

    /// No answer, or "not yet".
    pub(crate) fn passing(&self, cause: impl fmt::Display) -> Failure {
        let cause = cause.to_string();
        // Whoever shows the wrong certificate will show it again.
        match wrong_certificate(&cause) {
            Some(why) => self.refused(why),
            None => Failure { place: self.0.clone(), cause: one_line(cause), passing: true },
        }
    }
}

/// What is wrong with a certificate, in words for who has to put it right; the libraries' own are not.
fn wrong_certificate(cause: &str) -> Option<String> {
    let unknown = "its certificate is signed by none of the authorities that are trusted: name the right one in \
                   caSecretRef";
    match () {
        () if cause.contains("InvalidCertificate(UnknownIssuer)") => Some(unknown.to_owned()),
        () if cause.contains("InvalidCertificate(NotValidForName") => {
            Some("certificate not valid for name: write the host that the certificate is for".to_owned())
        }
        () if cause.contains("invalid peer certificate") => {
            Some(cause.replace("invalid peer certificate: UnknownIssuer", unknown))
        }
        () => None,
    }
}

/// A file that should have been mounted.
pub(crate) fn unreadable(path: &Path, error: impl fmt::Display) -> Failure {
    Failure { place: path.display().to_string(), cause: one_line(error), passing: false }
}

fn one_line(text: impl fmt::Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A secret from its file, without the line break that editors add.
pub(crate) fn read_secret(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(unreadable(path, "is empty: put the name or password into this key of the Secret")),
        secret => Ok(secret.to_owned()),
    }
}
