#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::error::Error as _;

use kubewright_apiserver::pki::Pki;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn at(address: std::net::SocketAddr) -> Endpoint {
    Endpoint::at(address.ip(), address.port())
}

struct Known {
    pki: Pki,
    token: Token,
}

fn known() -> Known {
    Known { pki: Pki::generate().unwrap(), token: "abcdef.0123456789abcdef".parse().unwrap() }
}

impl Known {
    fn cluster(&self) -> Cluster {
        Cluster {
            server: "https://10.0.0.1:6443".to_owned(),
            authority: self.pki.certificate_pem().to_owned(),
        }
    }

    fn pin(&self) -> Pin {
        Pin::of_certificate(&self.cluster().authorities().unwrap()[0]).unwrap()
    }

    fn data(&self) -> ConfigMapData {
        self.signed(self.cluster().kubeconfig())
    }

    fn signed(&self, kubeconfig: String) -> ConfigMapData {
        let signature = signature(&kubeconfig, &self.token);
        ConfigMapData {
            signatures: BTreeMap::from([(self.token.id().to_owned(), signature)]),
            kubeconfig,
        }
    }

    fn verified(&self, data: &ConfigMapData) -> Result<Cluster, ClusterInfoError> {
        Cluster::verified(data, &self.token, &Trusted::Pins(vec![self.pin()]))
    }
}

#[test]
fn what_is_signed_and_pinned_is_believed() {
    let known = known();
    assert_eq!(known.verified(&known.data()), Ok(known.cluster()));
}

#[test]
fn a_changed_text_is_not() {
    let known = known();
    let mut data = known.data();
    data.kubeconfig = data.kubeconfig.replace("10.0.0.1", "10.0.0.2");
    assert!(matches!(known.verified(&data), Err(ClusterInfoError::Signature { .. })));
}

#[test]
fn another_secret_or_no_signature_is_not() {
    let known = known();
    let data = known.data();
    let other: Token = "abcdef.fedcba9876543210".parse().unwrap();
    let pins = Trusted::Pins(vec![known.pin()]);
    let error = Cluster::verified(&data, &other, &pins).unwrap_err();
    assert!(matches!(error, ClusterInfoError::Signature { .. }));
    assert!(!error.to_string().contains("fedcba"), "{error}");
    let unknown: Token = "ghijkl.0123456789abcdef".parse().unwrap();
    let error = Cluster::verified(&data, &unknown, &pins).unwrap_err();
    assert_eq!(error, ClusterInfoError::NotSigned { id: "ghijkl".to_owned() });
}

#[test]
fn another_authority_is_not_even_if_it_is_signed() {
    let (ours, theirs) = (known(), known());
    let error = ours.verified(&theirs.data()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&ours.pin().to_string()), "{text}");
    assert!(text.contains(&theirs.pin().to_string()), "{text}");
    // Nor one beside the right one: both would be trusted.
    let mut both = ours.cluster();
    both.authority.push_str(theirs.pki.certificate_pem());
    let data = ours.signed(both.kubeconfig());
    assert!(matches!(ours.verified(&data), Err(ClusterInfoError::Pin { .. })));
    assert!(Cluster::verified(&data, &ours.token, &Trusted::AnyWithToken).is_ok());
}

#[test]
fn what_is_signed_and_no_kubeconfig_is_refused() {
    let known = known();
    let good = known.cluster().kubeconfig();
    for text in [
        String::new(),
        "]".to_owned(),
        "clusters: []".to_owned(),
        good.replace("https://", "http://"),
        good.replace("10.0.0.1:6443", "10.0.0.1:6443/path"),
        good.replace("certificate-authority-data", "certificate-authority"),
    ] {
        let refused = known.verified(&known.signed(text.clone()));
        assert!(matches!(refused, Err(ClusterInfoError::Kubeconfig { .. })), "{text}");
    }
}

#[tokio::test]
async fn nobody_there_is_waited_for_and_then_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let search = Search {
        seeder: at(address),
        token: known().token,
        trust: Trusted::AnyWithToken,
        patience: Duration::from_millis(100),
    };
    let mut told = 0;
    let error = discover(&search, |_| told += 1).await.unwrap_err();
    assert!(told > 1, "{told}");
    assert!(matches!(error, DiscoveryError::Silent { .. }), "{error:?}");
    assert!(error.source().unwrap().to_string().contains("cannot connect"), "{error:?}");
}

/// A server that sends without end, and one that never says a word of TLS.
#[tokio::test]
async fn strangers_cannot_fill_the_memory_or_hold_us() {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} });
        }
    });
    let endpoint = at(address);
    let answer = tokio::time::timeout(PATIENCE, ask_anybody(&endpoint)).await.unwrap();
    assert!(matches!(answer, Err(FetchError::Tls { .. })), "{answer:?}");
}
