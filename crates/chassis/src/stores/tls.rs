//! Which certificates of stores are trusted. A service's image has no files: the public authorities are built in, and
//! a private one is named by a setting.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The private authority and no other, or else the public ones.
pub(super) fn config(ca: Option<&Path>) -> Result<ClientConfig, String> {
    let roots = match ca {
        Some(file) => read(file)?,
        None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
    };
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Said at the start, where it is seen, rather than at each connection.
pub(super) fn read(file: &Path) -> Result<RootCertStore, String> {
    let words = |cause: String| format!("certificate authority {}: {cause}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| words(error.to_string()))? {
        let certificate = certificate.map_err(|error| words(error.to_string()))?;
        roots.add(certificate).map_err(|error| words(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(words("holds no certificate: put the authority's there, as PEM".to_owned())),
        false => Ok(roots),
    }
}

/// The libraries' words, where they are no help to who has to put it right.
pub(super) fn words(error: String) -> String {
    let unknown = "its certificate is signed by none of the authorities that are trusted";
    match () {
        () if error.contains("InvalidCertificate(UnknownIssuer)") => unknown.to_owned(),
        () if error.contains("InvalidCertificate(NotValidForName") => {
            "certificate not valid for name of the host in the URL".to_owned()
        }
        () => error.replace("invalid peer certificate: UnknownIssuer", unknown),
    }
}
