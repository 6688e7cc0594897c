//! Certificates and kubeconfigs. Made here in milliseconds; kubeadm would take seconds and one more program to build.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SanType,
};

use super::network::Network;
use crate::paths::StateDir;

/// Members may do everything: the API server asks nobody about them, and neither does a kubelet.
const MASTERS: &str = "system:masters";

pub(crate) struct Pki {
    server: String,
    authority: Issuer<'static, KeyPair>,
    authority_pem: String,
}

impl Pki {
    /// Makes everything the control plane needs, and the administrator's kubeconfig.
    pub(crate) fn create(state: &StateDir, network: &Network) -> Result<Pki> {
        let folder = state.pki();
        // Tokens are signed as on other clusters, RS256: verifiers under test must meet what they will meet there.
        let signer = std::thread::spawn(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048));
        let (authority, authority_pem) = authority("kubernetes")?;
        let server = format!("https://{}:6443", network.control_plane());
        let pki = Pki { server, authority, authority_pem };
        write(&folder.join("ca.crt"), &pki.authority_pem)?;
        write(&folder.join("ca.key"), &pki.authority.key().serialize_pem())?;
        pki.api_server(&folder, network)?;

        let (front, front_pem) = self::authority("front-proxy")?;
        write(&folder.join("front-proxy-ca.crt"), &front_pem)?;
        let (certificate, key) = client(&front, "front-proxy-client", None)?;
        write(&folder.join("front-proxy-client.crt"), &certificate)?;
        write(&folder.join("front-proxy-client.key"), &key)?;

        pki.kubeconfig(&state.kubeconfig(), "kubernetes-admin", Some(MASTERS))?;
        for user in ["kube-controller-manager", "kube-scheduler", "kube-proxy"] {
            pki.kubeconfig(&folder.join(format!("{user}.conf")), &format!("system:{user}"), None)?;
        }
        let signer = signer.join().map_err(|_| anyhow::anyhow!("making a key failed"))??;
        write(&folder.join("sa.key"), &signer.serialize_pem())?;
        write(&folder.join("sa.pub"), &signer.public_key_pem())?;
        Ok(pki)
    }

    fn api_server(&self, folder: &Path, network: &Network) -> Result<()> {
        let names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];
        let mut params = CertificateParams::new(names.map(str::to_owned))?;
        params.subject_alt_names.push(SanType::DnsName("kubernetes.default.svc.cluster.local".try_into()?));
        for ip in [network.control_plane(), Ipv4Addr::new(10, 96, 0, 1), Ipv4Addr::LOCALHOST] {
            params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(ip)));
        }
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        let (certificate, key) = sign(params, &self.authority)?;
        write(&folder.join("apiserver.crt"), &certificate)?;
        write(&folder.join("apiserver.key"), &key)?;
        let (certificate, key) = client(&self.authority, "kube-apiserver-kubelet-client", Some(MASTERS))?;
        write(&folder.join("kubelet-client.crt"), &certificate)?;
        write(&folder.join("kubelet-client.key"), &key)
    }

    /// A node's own identity.
    pub(crate) fn node_kubeconfig(&self, path: &Path, node: &str) -> Result<()> {
        self.kubeconfig(path, &format!("system:node:{node}"), Some("system:nodes"))
    }

    /// What enforces NetworkPolicies: its rights are an addon's.
    pub(crate) fn enforcer_kubeconfig(&self, path: &Path) -> Result<()> {
        self.kubeconfig(path, super::addons::ENFORCER, None)
    }

    fn kubeconfig(&self, path: &Path, user: &str, group: Option<&str>) -> Result<()> {
        let (certificate, key) = client(&self.authority, user, group)?;
        let server = &self.server;
        let [authority, certificate, key] =
            [&self.authority_pem, &certificate, &key].map(|text| STANDARD.encode(text));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: orion\n\
             clusters:\n- name: orion\n  cluster:\n    server: {server}\n    certificate-authority-data: {authority}\n\
             users:\n- name: \"{user}\"\n  user:\n    client-certificate-data: {certificate}\n    \
             client-key-data: {key}\n\
             contexts:\n- name: orion\n  context:\n    cluster: orion\n    user: \"{user}\"\n"
        );
        write(path, &text)
    }
}

fn authority(name: &str) -> Result<(Issuer<'static, KeyPair>, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}

fn client(authority: &Issuer<'static, KeyPair>, user: &str, group: Option<&str>) -> Result<(String, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, user);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    sign(params, authority)
}

/// A certificate and its key. Valid for rcgen's whole default span: a cluster lives for hours.
fn sign(mut params: CertificateParams, authority: &Issuer<'static, KeyPair>) -> Result<(String, String)> {
    params.key_usages.push(KeyUsagePurpose::DigitalSignature);
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    Ok((params.signed_by(&key, authority)?.pem(), key.serialize_pem()))
}

/// Keys are for root alone.
fn write(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(path);
    file.as_mut()
        .map_err(|error| std::io::Error::new(error.kind(), error.to_string()))
        .and_then(|file| file.write_all(text.as_bytes()))
        .with_context(|| format!("write {}", path.display()))
}
