//! Registries and their mirrors, as each runtime wants them.
//!
//! - containerd: `/etc/containerd/certs.d/<registry>/hosts.toml`
//! - CRI-O: `/etc/containers/registries.conf.d/50-kubewright.conf`, and
//!   `/etc/containers/certs.d/<mirror>/ca.crt`
//! - Docker: `/etc/docker/certs.d/<mirror>/ca.crt`; mirrors it knows of Docker Hub only, in a file
//!   that is not ours, so they are rejected when the configuration is checked.

use std::fmt::Write as _;
use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256, Sha512};

use super::{Files, OurFile, Then};
use crate::config::check::registry_host;
use crate::config::{HashAlgorithm, Mirror, NodeConfiguration, Registry, RuntimeEngine};
use crate::file::PUBLIC;
use crate::host::Host;

/// A mirror's certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file cannot be read.
    #[error("cannot read {}, the certificate of the mirror {mirror}", file.display())]
    Read {
        /// The mirror.
        mirror: String,
        /// The file.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It is no certificate.
    #[error("the certificate of the mirror {mirror} is no certificate in PEM")]
    Pem {
        /// The mirror.
        mirror: String,
    },
    /// It is another one.
    #[error(
        "the certificate of the mirror {mirror} has the fingerprint {found}, not the one that is given: find out which is right before anything is pulled from there"
    )]
    Fingerprint {
        /// The mirror.
        mirror: String,
        /// Its fingerprint.
        found: String,
    },
}

pub(super) fn files(
    host: &Host,
    configuration: &NodeConfiguration,
) -> Result<Files, RegistryError> {
    let mut files = Files::new();
    let mut crio = String::new();
    for registry in &configuration.bootstrap.registries {
        // The check has seen that it is one.
        let Some((name, path)) = registry_host(&registry.prefix) else { continue };
        let mut certificates = Vec::new();
        for mirror in &registry.mirrors {
            certificates.push(certificate(host, mirror)?);
        }
        match configuration.runtime.engine {
            RuntimeEngine::Containerd => {
                files.extend(containerd(name, registry, &certificates));
            }
            RuntimeEngine::Crio => {
                crio += &registries_conf(name, path, registry);
                files.extend(authorities("/etc/containers/certs.d", registry, &certificates));
            }
            RuntimeEngine::Docker => {
                files.extend(authorities("/etc/docker/certs.d", registry, &certificates));
            }
        }
    }
    if !crio.is_empty() {
        let content = format!("# Written by `kubewright node`.\n{crio}");
        let file = OurFile { content, mode: PUBLIC, then: Then::RestartRuntime };
        files.insert("/etc/containers/registries.conf.d/50-kubewright.conf".into(), file);
    }
    Ok(files)
}

/// The authority of a mirror, if it has one of its own, checked.
fn certificate(host: &Host, mirror: &Mirror) -> Result<Option<String>, RegistryError> {
    if mirror.certificate.is_empty() {
        return Ok(None);
    }
    let pem = match mirror.certificate.contains("-----BEGIN") {
        true => mirror.certificate.clone(),
        false => {
            let file = host.path(&mirror.certificate);
            let failed = |source| RegistryError::Read {
                mirror: mirror.url.clone(),
                file: file.clone(),
                source,
            };
            std::fs::read_to_string(&file).map_err(failed)?
        }
    };
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| RegistryError::Pem { mirror: mirror.url.clone() })?;
    let found = match mirror.hash_algorithm {
        HashAlgorithm::SHA256 => hexadecimal(&Sha256::digest(&der)),
        HashAlgorithm::SHA512 => hexadecimal(&Sha512::digest(&der)),
    };
    let wanted: String = mirror.fingerprint.chars().filter(char::is_ascii_hexdigit).collect();
    match wanted.is_empty() || wanted.eq_ignore_ascii_case(&found) {
        true => Ok(Some(pem)),
        false => Err(RegistryError::Fingerprint { mirror: mirror.url.clone(), found }),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A string of TOML: JSON's escapes are among TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `hosts.toml`: <https://github.com/containerd/containerd/blob/main/docs/hosts.md>.
fn containerd(name: &str, registry: &Registry, certificates: &[Option<String>]) -> Files {
    let folder = PathBuf::from("/etc/containerd/certs.d").join(name);
    let mut files = Files::new();
    // Docker Hub's images are named otherwise than its server.
    let server = if name == "docker.io" { "registry-1.docker.io" } else { name };
    let scheme = if registry.prefix.starts_with("http://") { "http" } else { "https" };
    let mut toml = format!(
        "# Written by `kubewright node`.\nserver = {}\n",
        quoted(&format!("{scheme}://{server}"))
    );
    for (index, (mirror, certificate)) in registry.mirrors.iter().zip(certificates).enumerate() {
        let url = mirror.url.trim_end_matches('/');
        let _ =
            write!(toml, "\n[host.{}]\n  capabilities = [\"pull\", \"resolve\"]\n", quoted(url));
        // A path takes the place of /v2, which containerd would add behind it.
        if registry_host(url).is_some_and(|(_, path)| path.split('/').any(|it| it == "v2")) {
            toml += "  override_path = true\n";
        }
        if let Some(certificate) = certificate {
            let file = folder.join(format!("mirror-{index}.crt"));
            let _ = writeln!(toml, "  ca = {}", quoted(&file.display().to_string()));
            let content = certificate.clone();
            files.insert(file, OurFile { content, mode: PUBLIC, then: Then::Nothing });
        }
    }
    // containerd reads it at every pull.
    let file = OurFile { content: toml, mode: PUBLIC, then: Then::Nothing };
    files.insert(folder.join("hosts.toml"), file);
    files
}

/// A part of `registries.conf`: containers-registries.conf(5).
fn registries_conf(name: &str, path: &str, registry: &Registry) -> String {
    let prefix = [name, path].join("/");
    let prefix = prefix.trim_end_matches('/');
    let mut toml = format!("\n[[registry]]\nprefix = {0}\nlocation = {0}\n", quoted(prefix));
    if registry.prefix.starts_with("http://") {
        toml += "insecure = true\n";
    }
    for mirror in &registry.mirrors {
        let location = mirror.url.split_once("://").map_or(mirror.url.as_str(), |(_, rest)| rest);
        let location = quoted(location.trim_end_matches('/'));
        let _ = write!(toml, "\n[[registry.mirror]]\nlocation = {location}\n");
        if mirror.url.starts_with("http://") {
            toml += "insecure = true\n";
        }
    }
    toml
}

/// `ca.crt` of each mirror, below a folder.
fn authorities(folder: &str, registry: &Registry, certificates: &[Option<String>]) -> Files {
    let pairs = registry.mirrors.iter().zip(certificates);
    let named = pairs.filter_map(|(mirror, certificate)| {
        let (host, _) = registry_host(&mirror.url)?;
        let path = PathBuf::from(folder).join(host).join("ca.crt");
        let content = certificate.clone()?;
        Some((path, OurFile { content, mode: PUBLIC, then: Then::Nothing }))
    });
    named.collect()
}
