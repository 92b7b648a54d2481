//! The key of a node, and its request for a certificate.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestSpec,
};
use kube::api::ObjectMeta;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};

use super::name::{GROUP, NodeName};
use crate::discovery::Pin;

/// Who signs the client certificates of kubelets.
pub const SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";

/// Annotation of a request: the address that the node says it has.
pub const ADDRESS: &str = "node.kubewright.io/address";

/// What a certificate is for. A key of ECDSA enciphers nothing.
const USAGES: [&str; 2] = ["digital signature", "client auth"];

/// The least that signers grant.
pub const LEAST_EXPIRATION: Duration = Duration::from_secs(600);

/// Why there is no key or no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A key or a request cannot be made.
    #[error("cannot make a key or a request for a certificate")]
    Make(#[source] rcgen::Error),
    /// What was kept is no key.
    #[error("the key of this node cannot be read; remove it and run this again to get a new one")]
    Key(#[source] rcgen::Error),
}

/// The key of a node. It does not print itself.
pub struct Key(KeyPair);

impl Key {
    /// A new one: ECDSA, P-256.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub fn generate() -> Result<Self, RequestError> {
        KeyPair::generate().map(Self).map_err(RequestError::Make)
    }

    /// One that was kept.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_pem(pem: &str) -> Result<Self, RequestError> {
        KeyPair::from_pem(pem).map(Self).map_err(RequestError::Key)
    }

    /// To be kept where only the node reads it.
    pub fn pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// What tells this key from others, for people to compare.
    pub fn fingerprint(&self) -> Pin {
        Pin::of_key(&self.0.subject_public_key_info())
    }

    /// Name of the request with this key: the same again after a restart, and another one with
    /// another key or for another node.
    pub fn request_name(&self, node: &NodeName) -> String {
        let mut hash = Sha256::new();
        hash.update(self.0.subject_public_key_info());
        hash.update([0]);
        hash.update(node.user());
        let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("node-csr-{digits}")
    }
}

/// What is asked for with a key.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// The node.
    pub node: &'a NodeName,
    /// How long the certificate is to be good; as long as the signer grants, otherwise.
    pub expiration: Option<Duration>,
    /// Where the node says it is.
    pub address: Option<IpAddr>,
}

/// The request of a node for a client certificate.
///
/// # Errors
/// When it cannot be made.
pub fn certificate_request(
    key: &Key,
    wish: &Wish<'_>,
) -> Result<CertificateSigningRequest, RequestError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, GROUP);
    params.distinguished_name.push(DnType::CommonName, wish.node.user());
    let request = params.serialize_request(&key.0).and_then(|request| request.pem());
    let pem = request.map_err(RequestError::Make)?;
    let seconds = wish.expiration.map(|it| it.max(LEAST_EXPIRATION).as_secs());
    let address = wish.address.map(|address| (ADDRESS.to_owned(), address.to_string()));
    Ok(CertificateSigningRequest {
        metadata: ObjectMeta {
            name: Some(key.request_name(wish.node)),
            annotations: address.map(|address| BTreeMap::from([address])),
            ..ObjectMeta::default()
        },
        spec: CertificateSigningRequestSpec {
            signer_name: SIGNER.to_owned(),
            request: ByteString(pem.into_bytes()),
            usages: Some(USAGES.map(str::to_owned).to_vec()),
            expiration_seconds: seconds.map(|it| i32::try_from(it).unwrap_or(i32::MAX)),
            ..CertificateSigningRequestSpec::default()
        },
        status: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use x509_parser::certification_request::X509CertificationRequest;
    use x509_parser::prelude::FromDer;

    use super::*;

    #[test]
    fn a_request_is_what_signers_of_kubelets_take() {
        let key = Key::generate().unwrap();
        let node: NodeName = "a".parse().unwrap();
        let address = "10.0.0.2".parse().ok();
        let wish = Wish { node: &node, expiration: Some(Duration::from_secs(1)), address };
        let request = certificate_request(&key, &wish).unwrap();
        assert_eq!(request.metadata.name, Some(key.request_name(&node)));
        assert_eq!(request.metadata.annotations.unwrap()[ADDRESS], "10.0.0.2");
        let spec = request.spec;
        assert_eq!(spec.expiration_seconds, Some(600), "what a signer grants at least");
        assert_eq!(spec.usages.unwrap(), ["digital signature", "client auth"]);
        let pem = x509_parser::pem::Pem::iter_from_buffer(&spec.request.0).next().unwrap().unwrap();
        let (_, parsed) = X509CertificationRequest::from_der(&pem.contents).unwrap();
        parsed.verify_signature().unwrap();
        let info = &parsed.certification_request_info;
        assert_eq!(info.subject.to_string(), "O=system:nodes, CN=system:node:a");
        assert_eq!(Pin::of_key(info.subject_pki.raw), key.fingerprint());
        assert!(parsed.requested_extensions().is_none_or(|mut all| all.next().is_none()));
    }

    #[test]
    fn names_follow_from_key_and_node() {
        let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        let again = Key::from_pem(&key.pem()).unwrap();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert_eq!(key.request_name(&a), again.request_name(&a));
        assert_ne!(key.request_name(&a), key.request_name(&b));
        assert_ne!(key.request_name(&a), other.request_name(&a));
        assert!(Key::from_pem("nothing").is_err());
    }
}
