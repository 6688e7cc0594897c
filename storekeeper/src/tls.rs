//! Which certificates of stores are trusted. The authorities are built in: the program brings them along.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::document::Server;
use crate::failure::{Failure, unreadable};

/// The authority that the server names, or else the public ones.
pub(crate) fn config(server: &Server) -> Result<ClientConfig, Failure> {
    trusting(server.ca_file.as_deref())
}

/// The authority in this file, or else the public ones.
pub(crate) fn trusting(ca_file: Option<&Path>) -> Result<ClientConfig, Failure> {
    let roots = match ca_file {
        Some(file) => read(file).map_err(|error| unreadable(file, error))?,
        None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
    };
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn read(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.is_empty() {
        true => {
            Err("holds no certificate: put the authority's, as PEM, into this key of the Secret".to_owned())
        }
        false => Ok(roots),
    }
}
