//! Dex, an issuer for OpenID Connect, on a port of every node.
//!
//! Its certificate is signed by the cluster's authority, which API servers on all control-plane
//! nodes have. The client `kubernetes` is public: command lines of users cannot keep a secret.

use std::fs;
use std::path::PathBuf;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::{DEX_PORT, account, namespace, rule};
use crate::config::NodeConfiguration;
use crate::host::Host;
use crate::kubeadm::issuer;

const NAME: &str = "dex";
/// How long its certificate is valid: as long as kubeadm's, which are renewed with upgrades.
const DAYS: i64 = 365;

/// Dex cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum DexError {
    /// Nobody could reach it.
    #[error(
        "Dex needs a name that users reach it by: set network.dns.externalFqdn, or auth.OIDC.issuer"
    )]
    Nameless,
    /// A file cannot be read.
    #[error("cannot read {}, needed for Dex", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The connectors are no list. What they say is not shown, they hold secrets.
    #[error("{} is no YAML list of connectors", file.display())]
    Connectors {
        /// The file.
        file: PathBuf,
    },
    /// The authority's key cannot sign.
    #[error(
        "the key of the cluster's authority cannot sign a certificate for Dex: it has to be of RSA, or of PKCS#8"
    )]
    Key,
    /// No certificate could be made.
    #[error("cannot make a certificate for Dex")]
    Certificate(#[from] rcgen::Error),
}

pub(super) fn objects(
    host: &Host,
    configuration: &NodeConfiguration,
) -> Result<Vec<Value>, DexError> {
    let issuer = issuer(configuration).ok_or(DexError::Nameless)?;
    let (certificate, key) = certificate(host, configuration, &issuer)?;
    let dex = &configuration.addons.dex;
    let mut settings = json!({
        "issuer": issuer,
        "storage": { "type": "kubernetes", "config": { "inCluster": true } },
        "web": { "https": "0.0.0.0:5556", "tlsCert": "/etc/dex/tls/tls.crt", "tlsKey": "/etc/dex/tls/tls.key" },
        "oauth2": { "skipApprovalScreen": true },
        "staticClients": [{
            "id": configuration.auth.oidc.client_id,
            "name": "Kubernetes",
            "public": true,
            "redirectURIs": ["urn:ietf:wg:oauth:2.0:oob", "http://localhost:8000"],
        }],
    });
    if !dex.connectors_file.is_empty() {
        let file = host.path(&dex.connectors_file);
        let failed = |source| DexError::Read { file: file.clone(), source };
        let text = fs::read_to_string(&file).map_err(failed)?;
        let options = serde_saphyr::options! { with_snippet: false };
        let connectors: Vec<Value> = serde_saphyr::from_str_with_options(&text, options)
            .map_err(|_| DexError::Connectors { file: file.clone() })?;
        settings["connectors"] = json!(connectors);
    }
    let mut objects = vec![namespace(NAME, false)];
    objects.extend(account(
        NAME,
        NAME,
        &json!([
            // Dex keeps its state in kinds of its own, which it defines itself.
            rule(
                "dex.coreos.com",
                &[
                    "authcodes",
                    "authrequests",
                    "connectors",
                    "devicerequests",
                    "devicetokens",
                    "oauth2clients",
                    "offlinesessionses",
                    "passwords",
                    "refreshtokens",
                    "signingkeies",
                ],
                &["create", "delete", "get", "list", "update", "watch"]
            ),
            rule(
                "apiextensions.k8s.io",
                &["customresourcedefinitions"],
                &["create", "get", "list"]
            ),
        ]),
    ));
    objects.push(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": { "name": "dex-tls", "namespace": NAME },
        "stringData": { "tls.crt": certificate, "tls.key": key },
    }));
    objects.push(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": { "name": "dex-config", "namespace": NAME },
        // JSON is YAML.
        "stringData": { "config.yaml": settings.to_string() },
    }));
    objects.push(service());
    objects.push(deployment(&dex.image));
    Ok(objects)
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": NAME, "namespace": NAME },
        "spec": {
            "type": "NodePort",
            "selector": { "app": NAME },
            "ports": [{ "name": "https", "protocol": "TCP", "port": 5556, "targetPort": 5556, "nodePort": DEX_PORT }],
        },
    })
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": NAME, "namespace": NAME, "labels": { "app": NAME } },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": NAME } },
            "template": {
                "metadata": { "labels": { "app": NAME } },
                "spec": {
                    "serviceAccountName": NAME,
                    // A cluster may have nothing but its control plane.
                    "tolerations": [{ "key": "node-role.kubernetes.io/control-plane", "operator": "Exists" }],
                    "containers": [{
                        "name": NAME, "image": image,
                        "command": ["/usr/local/bin/dex", "serve", "/etc/dex/config/config.yaml"],
                        "ports": [{ "name": "https", "containerPort": 5556 }],
                        "readinessProbe": { "tcpSocket": { "port": 5556 } },
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "capabilities": { "drop": ["ALL"] },
                            "runAsNonRoot": true, "runAsUser": 1001,
                        },
                        "volumeMounts": [
                            { "name": "config", "mountPath": "/etc/dex/config", "readOnly": true },
                            { "name": "tls", "mountPath": "/etc/dex/tls", "readOnly": true },
                        ],
                    }],
                    "volumes": [
                        { "name": "config", "secret": { "secretName": "dex-config" } },
                        { "name": "tls", "secret": { "secretName": "dex-tls" } },
                    ],
                },
            },
        },
    })
}

/// A serving certificate for the issuer's host, and its key.
fn certificate(
    host: &Host,
    configuration: &NodeConfiguration,
    issuer: &str,
) -> Result<(String, String), DexError> {
    let folder = &configuration.certificates.directory;
    let read = |name: &str| {
        let file = host.path(folder.join(name));
        fs::read_to_string(&file).map_err(|source| DexError::Read { file, source })
    };
    let (authority, key) = (read("ca.crt")?, read("ca.key")?);
    let signer = Issuer::from_ca_cert_pem(&authority, signing_key(&key)?)?;
    let rest = issuer.strip_prefix("https://").unwrap_or(issuer);
    let rest = rest.split('/').next().unwrap_or_default();
    let name = rest.rsplit_once(':').map_or(rest, |(name, _)| name).trim_matches(['[', ']']);
    let mut parameters = CertificateParams::new([name.to_owned(), format!("{NAME}.{NAME}.svc")])?;
    parameters.distinguished_name.push(DnType::CommonName, NAME);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let at = |days: i64| {
        let zoned = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let date = zoned.saturating_add(jiff::Span::new().days(days));
        rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    (parameters.not_before, parameters.not_after) = (at(-1), at(DAYS));
    let own = KeyPair::generate()?;
    Ok((parameters.signed_by(&own, &signer)?.pem(), own.serialize_pem()))
}

/// A key as kubeadm writes it: RSA in its own form, which has to be wrapped.
fn signing_key(pem: &str) -> Result<KeyPair, DexError> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| DexError::Key)?;
    let pkcs8 = match &key {
        PrivateKeyDer::Pkcs8(key) => key.secret_pkcs8_der().to_vec(),
        PrivateKeyDer::Pkcs1(key) => yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_u8(0);
                writer.next().write_sequence(|writer| {
                    // rsaEncryption, RFC 8017.
                    let algorithm =
                        yasna::models::ObjectIdentifier::from_slice(&[1, 2, 840, 113_549, 1, 1, 1]);
                    writer.next().write_oid(&algorithm);
                    writer.next().write_null();
                });
                writer.next().write_bytes(key.secret_pkcs1_der());
            });
        }),
        _ => return Err(DexError::Key),
    };
    KeyPair::try_from(pkcs8.as_slice()).map_err(|_| DexError::Key)
}
