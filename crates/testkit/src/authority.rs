//! A certificate authority of the tests' own, and what it signs.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use uuid::Uuid;

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Two of the same name would be taken for one, and the error would be another.
        params.distinguished_name.push(DnType::CommonName, format!("tests {}", Uuid::new_v4().simple()));
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes the authority's certificate for clients.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("ca.crt");
        std::fs::write(&file, &self.pem).expect("the folder can be written");
        file
    }

    /// A certificate for a server of this name, and its key.
    pub fn server(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new([name.to_owned()]).expect("a host name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
