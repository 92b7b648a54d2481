//! What `kube-public/cluster-info` tells, and whether to believe it. Pure.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::Kubeconfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use super::{Endpoint, Pin, Trusted, jws};
use crate::token::Token;

/// Key of the kubeconfig in the ConfigMap.
const KUBECONFIG: &str = "kubeconfig";

/// Key of the signature by a token is this and its id.
const SIGNATURE: &str = "jws-kubeconfig-";

/// The parts of the ConfigMap that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMapData {
    /// The kubeconfig without a user.
    pub kubeconfig: String,
    /// Signatures of it, by the id of their token.
    pub signatures: BTreeMap<String, String>,
}

impl ConfigMapData {
    /// From the data of a ConfigMap; nothing, if there is no kubeconfig.
    pub fn of(mut data: BTreeMap<String, String>) -> Option<Self> {
        let kubeconfig = data.remove(KUBECONFIG)?;
        let signatures = data
            .into_iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(SIGNATURE)?.to_owned(), value)))
            .collect();
        Some(Self { kubeconfig, signatures })
    }
}

/// A cluster that is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// URL of its API server.
    pub server: String,
    /// Its certificate authorities, PEM.
    pub authority: String,
}

/// Why a `cluster-info` is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterInfoError {
    /// The cluster does not know the token, or no longer.
    #[error(
        "it does not vouch for itself with token {id}: the token has expired, was deleted or never was; make a new one on the seeder with `kubewright node token create`"
    )]
    NotSigned {
        /// Id of the token.
        id: String,
    },
    /// Somebody signed who has another secret, or the text was changed after it was signed.
    #[error(
        "its signature with token {id} is wrong: the secret half of the token is not that of the cluster, or somebody has changed what the cluster says"
    )]
    Signature {
        /// Id of the token.
        id: String,
    },
    /// What is signed is no kubeconfig of one cluster.
    #[error("what it says of itself cannot be used: {why}")]
    Kubeconfig {
        /// What is wrong with it.
        why: String,
    },
    /// The authority is not the one that is expected.
    #[error(
        "its certificate authority has the pin {}, and expected is {}; see that both are of the same cluster",
        list(found),
        list(expected)
    )]
    Pin {
        /// Pins of what it presented.
        found: Vec<Pin>,
        /// Pins that were given.
        expected: Vec<Pin>,
    },
}

fn list(pins: &[Pin]) -> String {
    let pins: Vec<String> = pins.iter().map(ToString::to_string).collect();
    if pins.is_empty() { "none".to_owned() } else { pins.join(" or ") }
}

impl Cluster {
    /// The cluster with an API server at this URL and these authorities, as kubeconfigs have them:
    /// PEM in base64.
    ///
    /// # Errors
    /// [`ClusterInfoError::Kubeconfig`] when there is no cluster to be made of it.
    pub fn new(server: &str, authority_data: &str) -> Result<Self, ClusterInfoError> {
        let wrong = |why: &str| ClusterInfoError::Kubeconfig { why: why.to_owned() };
        let pem = STANDARD.decode(authority_data).ok().and_then(|it| String::from_utf8(it).ok());
        let authority = pem.ok_or_else(|| wrong("its certificate authority is no text"))?;
        let cluster = Self { server: server.to_owned(), authority };
        cluster.endpoint()?;
        match cluster.authorities()?.is_empty() {
            true => Err(wrong("its certificate authority is no certificate")),
            false => Ok(cluster),
        }
    }

    /// The cluster that a `cluster-info` tells of, if it is signed with the token and its
    /// authority is as expected.
    ///
    /// # Errors
    /// Why it is not to be believed. Nothing is read before the signature has been checked.
    pub fn verified(
        data: &ConfigMapData,
        token: &Token,
        trusted: &Trusted,
    ) -> Result<Self, ClusterInfoError> {
        let id = token.id().to_owned();
        let Some(signature) = data.signatures.get(&id) else {
            return Err(ClusterInfoError::NotSigned { id });
        };
        if !jws::verify(signature, &data.kubeconfig, token) {
            return Err(ClusterInfoError::Signature { id });
        }
        let cluster = Self::read(&data.kubeconfig)?;
        if let Trusted::Pins(expected) = trusted {
            let found: Option<Vec<_>> =
                cluster.authorities()?.iter().map(Pin::of_certificate).collect();
            let found = found.unwrap_or_default();
            // As kubeadm does: each of them will be trusted, so each of them must be known.
            if found.is_empty() || !found.iter().all(|pin| expected.contains(pin)) {
                return Err(ClusterInfoError::Pin { found, expected: expected.clone() });
            }
        }
        Ok(cluster)
    }

    fn read(kubeconfig: &str) -> Result<Self, ClusterInfoError> {
        let wrong = |why: &str| ClusterInfoError::Kubeconfig { why: why.to_owned() };
        let config = Kubeconfig::from_yaml(kubeconfig);
        let config = config.map_err(|error| wrong(&format!("it is no kubeconfig: {error}")))?;
        let [named] = config.clusters.as_slice() else {
            return Err(wrong("it is not about one cluster"));
        };
        let cluster = named.cluster.as_ref().ok_or_else(|| wrong("its cluster is empty"))?;
        let server = cluster.server.as_deref().ok_or_else(|| wrong("it names no server"))?;
        let data = cluster.certificate_authority_data.as_deref();
        Self::new(server, data.ok_or_else(|| wrong("it has no certificate authority"))?)
    }

    /// Where its API server is.
    ///
    /// # Errors
    /// When its URL is none.
    pub fn endpoint(&self) -> Result<Endpoint, ClusterInfoError> {
        Endpoint::of_url(&self.server)
            .map_err(|error| ClusterInfoError::Kubeconfig { why: error.to_string() })
    }

    /// Its certificate authorities.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, ClusterInfoError> {
        let read: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(self.authority.as_bytes()).collect();
        read.map_err(|error| ClusterInfoError::Kubeconfig {
            why: format!("its certificate authority cannot be read: {error}"),
        })
    }

    /// The kubeconfig without a user that stands in `cluster-info`.
    pub fn kubeconfig(&self) -> String {
        let config = serde_json::json!({ "apiVersion": "v1", "kind": "Config",
            "clusters": [{ "name": "", "cluster": { "server": self.server,
                "certificate-authority-data": STANDARD.encode(&self.authority) } }],
            "contexts": null, "current-context": "", "preferences": {}, "users": null });
        // JSON is YAML, and an object of texts can always be written.
        serde_saphyr::to_string(&config).unwrap_or_else(|_| config.to_string())
    }
}
