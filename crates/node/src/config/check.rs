//! What is wrong with a configuration, beyond its form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::document::{HashAlgorithm, Mirror, NodeConfiguration, Registry, RuntimeEngine};
use super::network::{CniDriver, is_dns_name, is_host};
use super::subnet;
use crate::discovery::{Endpoint, Pin};
use crate::token::Token;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// It cannot be used.
    Error,
    /// It can be used, and someone should know.
    Warning,
}

/// What is to be said about a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The key, as in `network.podSubnet`.
    pub key: String,
    /// What is wrong with it, and what to do.
    pub message: String,
}

impl Finding {
    pub(super) fn error(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, key: key.into(), message: message.into() }
    }

    pub(super) fn warning(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(key, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Everything that is to be said about a configuration.
#[must_use]
pub fn check(configuration: &NodeConfiguration) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut error = |key: &str, message: &str| findings.push(Finding::error(key, message));
    let NodeConfiguration { cluster_formation: formation, network, certificates, .. } =
        configuration;

    if !configuration.node.name.is_empty() && !is_dns_name(&configuration.node.name) {
        error("node.name", "has to be a DNS name in lower case: letters, digits, dashes and dots");
    }
    let host = formation.seeder.split(':').next().unwrap_or_default();
    if host.parse::<Token>().is_ok() {
        let message = "is a bootstrap token, and has to be the address of an API server: tokens are for the variable TOKEN of the environment, or for tokenFile";
        error("clusterFormation.seeder", message);
    } else if !formation.seeder.is_empty()
        && let Err(wrong) = formation.seeder.parse::<Endpoint>()
    {
        error("clusterFormation.seeder", &wrong.to_string());
    }
    if !formation.token.is_empty() {
        if formation.token.expose().parse::<Token>().is_err() {
            error("clusterFormation.token", "has to be of the form [a-z0-9]{6}.[a-z0-9]{16}");
        }
        if !formation.token_file.is_empty() {
            error("clusterFormation.tokenFile", "and token are both given: give one of them");
        }
    }
    if token_ttl(&formation.token_ttl).is_none() {
        error("clusterFormation.tokenTtl", "has to be a time above zero, as in 24h or 30m");
    }
    if formation.control_plane && configuration.is_seeder() {
        error(
            "clusterFormation.controlPlane",
            "is for machines that join: the seeder is a control-plane node anyway",
        );
    }
    if !certificates.ca_crt_hash.is_empty() && certificates.ca_crt_hash.parse::<Pin>().is_err() {
        error("certificates.caCrtHash", "has to be sha256: and 64 hexadecimal digits");
    }
    if !certificates.ca_crt.is_empty() && !certificates.ca_crt_hash.is_empty() {
        error("certificates.caCrt", "and caCrtHash are both given: give one of them");
    }
    for (key, folder) in [
        ("certificates.directory", &certificates.directory),
        ("paths.state", &configuration.paths.state),
        ("network.cni.binDir", &network.cni.bin_dir),
        ("network.cni.confDir", &network.cni.conf_dir),
    ] {
        let clean = folder.components().all(|part| part != std::path::Component::ParentDir);
        if !folder.is_absolute() || !clean || folder.parent().is_none() {
            error(key, "has to be an absolute path below /, without ..");
        }
    }
    let kubeadm = &configuration.paths.kubeadm;
    if !kubeadm.is_empty() && !kubeadm.starts_with('/') {
        error("paths.kubeadm", "has to be an absolute path");
    }
    let socket = configuration.runtime.socket_path();
    if !socket.starts_with('/') {
        error("runtime.socket", "has to be an absolute path, with or without unix://");
    }
    if let Some(gate) = configuration.features.keys().find(|gate| !is_gate(gate)) {
        let key = format!("features.{gate}");
        findings.push(Finding::error(
            key,
            "is no name of a feature gate: those are letters and digits",
        ));
    }
    let images = [
        ("network.cni.image", &network.cni.image),
        ("manager.image", &configuration.manager.image),
        ("addons.dex.image", &configuration.addons.dex.image),
    ];
    for (key, image) in images {
        if !image.is_empty() && !is_image(image) {
            findings.push(Finding::error(key, "has to be the name of an image"));
        }
    }
    findings.extend(network_findings(configuration));
    findings.extend(oidc(configuration));
    let registries = &configuration.bootstrap.registries;
    for (index, registry) in registries.iter().enumerate() {
        let key = format!("bootstrap.registries[{index}]");
        let before = registries[..index].iter().position(|it| is_same(configuration, it, registry));
        if let Some(before) = before {
            let message = format!(
                "and bootstrap.registries[{before}] are one to the runtime, which takes one list of mirrors for it: put them together"
            );
            findings.push(Finding::error(format!("{key}.prefix"), message));
        }
        if configuration.runtime.engine == RuntimeEngine::Docker
            && !registry.mirrors.iter().all(|mirror| is_itself(registry, mirror))
        {
            let message = "cannot be given to Docker: it knows mirrors of Docker Hub only, in /etc/docker/daemon.json";
            findings.push(Finding::error(format!("{key}.mirrors"), message));
        }
        findings.extend(registry_findings(&key, registry));
    }
    findings
}

fn network_findings(configuration: &NodeConfiguration) -> Vec<Finding> {
    let mut findings = Vec::new();
    let network = &configuration.network;
    let mut error = |key: &str, message: &str| findings.push(Finding::error(key, message));
    let bind = &network.bind;
    match bind.address.parse::<IpAddr>() {
        _ if bind.address.is_empty() => {}
        Err(_) => error("network.bind.address", "has to be an IP address"),
        Ok(address) if !is_of_one(address) => error(
            "network.bind.address",
            "has to be the address of this machine under which others reach it: it stands in certificates and in what joining machines are told",
        ),
        Ok(_) => {}
    }
    if !bind.interface.is_empty() && !is_interface(&bind.interface) {
        error("network.bind.interface", "is no name of an interface");
    }
    if bind.port == 0 {
        error("network.bind.port", "has to be from 1 to 65535");
    }
    for (key, message) in subnet::faults(&network.pod_subnet, &network.service_subnet) {
        error(key, &message);
    }
    if !is_dns_name(&network.dns.domain) {
        error("network.dns.domain", "has to be a DNS name in lower case");
    }
    if !network.dns.external_fqdn.is_empty() && network.dns.load_balancer().is_none() {
        error(
            "network.dns.externalFqdn",
            "has to be a DNS name in lower case, or an address, and perhaps a port, as in api.example.org:8443",
        );
    }
    let sans = [
        ("apiServer.certSANs", &configuration.api_server.cert_sans),
        ("etcd.local.serverCertSANs", &configuration.etcd.local.server_cert_sans),
        ("etcd.local.peerCertSANs", &configuration.etcd.local.peer_cert_sans),
    ];
    for (key, sans) in sans {
        let plain = |san: &str| san.strip_prefix("*.").map_or_else(|| is_host(san), is_dns_name);
        if !sans.iter().all(|san| plain(san)) {
            error(key, "has to be a list of DNS names and addresses");
        }
    }
    match (network.cni.driver, network.cni.manifests.is_empty()) {
        (CniDriver::Custom, true) => {
            error(
                "network.cni.manifests",
                "are what the driver custom is made of: name at least one",
            );
        }
        (CniDriver::Flannel | CniDriver::Cilium | CniDriver::None, false) => {
            error("network.cni.manifests", "are for the driver custom");
        }
        _ => {}
    }
    let proxy = &network.proxy;
    for (key, url) in [("network.proxy.http", &proxy.http), ("network.proxy.https", &proxy.https)] {
        if !url.is_empty() && !is_proxy(url) {
            error(key, "has to be http://host:port, https://host:port or host:port");
        }
        if proxy.system_wide && url.contains('@') {
            error(key, "names a user, and systemWide would show it to every user of the machine");
        }
    }
    if !is_plain(&proxy.no_proxy) {
        error("network.proxy.noProxy", "has to be names and networks, separated by commas");
    }
    findings
}

fn oidc(configuration: &NodeConfiguration) -> Option<Finding> {
    let oidc = &configuration.auth.oidc;
    let wrong = match oidc {
        it if !it.issuer.is_empty() && !is_issuer(&it.issuer) => (
            "auth.OIDC.issuer",
            "has to be https://host[:port][/path], without user, ? or #: API servers take no other",
        ),
        it if !it.ca.is_empty() && (!it.ca.starts_with('/') || !is_line(&it.ca)) => {
            ("auth.OIDC.ca", "has to be the absolute path of a file")
        }
        it if !is_line(&it.client_id) => ("auth.OIDC.clientID", "has to be given, in one line"),
        it if !is_line(&it.username) => ("auth.OIDC.username", "has to name a claim"),
        it if !it.groups.is_empty() && !is_line(&it.groups) => {
            ("auth.OIDC.groups", "has to name a claim")
        }
        _ => return None,
    };
    Some(Finding::error(wrong.0, wrong.1))
}

/// As `--oidc-issuer-url` is checked.
fn is_issuer(text: &str) -> bool {
    let rest = text.strip_prefix("https://").filter(|_| is_line(text));
    rest.is_some_and(|rest| {
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.parse::<http::uri::Authority>();
        host.is_ok_and(|it| !it.host().is_empty())
            && !rest.contains(['?', '#', ' '])
            && !authority.contains('@')
    })
}

/// Whether it can be the value of a flag: it is one line, and does not begin or end with a blank.
fn is_line(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

/// Whether a mirror is the registry itself, named for the sake of its certificate.
fn is_itself(registry: &Registry, mirror: &Mirror) -> bool {
    let host = |url| registry_host(url).map(|(host, _)| host);
    host(&registry.prefix) == host(&mirror.url)
}

/// Whether a runtime would take the one's mirrors for the other's: containerd and Docker know
/// registries by their hosts.
fn is_same(configuration: &NodeConfiguration, one: &Registry, other: &Registry) -> bool {
    let by_path = configuration.runtime.engine == RuntimeEngine::Crio;
    let (one, other) = (registry_host(&one.prefix), registry_host(&other.prefix));
    let (Some((host, path)), Some((other_host, other_path))) = (one, other) else { return false };
    host == other_host && (!by_path || path == other_path)
}

fn registry_findings(key: &str, registry: &Registry) -> Vec<Finding> {
    let mut findings = Vec::new();
    if registry_host(&registry.prefix).is_none() {
        let message = "has to be host[:port][/path], with or without https://";
        findings.push(Finding::error(format!("{key}.prefix"), message));
    }
    for (index, mirror) in registry.mirrors.iter().enumerate() {
        let key = |name: &str| format!("{key}.mirrors[{index}].{name}");
        let url = mirror.url.split_once("://");
        let known = url.is_some_and(|(scheme, rest)| {
            matches!(scheme, "http" | "https") && registry_host(rest).is_some()
        });
        if !known {
            let message = "has to be https://host[:port][/path], or http:// of one";
            findings.push(Finding::error(key("url"), message));
        }
        if !mirror.fingerprint.is_empty() {
            let digits = mirror.fingerprint.chars().filter(|c| *c != ':' && *c != ' ');
            let (wanted, name) = match mirror.hash_algorithm {
                HashAlgorithm::SHA256 => (64, "SHA256"),
                HashAlgorithm::SHA512 => (128, "SHA512"),
            };
            let digits: Vec<char> = digits.collect();
            if digits.len() != wanted || !digits.iter().all(char::is_ascii_hexdigit) {
                let message = format!("has to be {wanted} hexadecimal digits for {name}");
                findings.push(Finding::error(key("fingerprint"), message));
            }
            if mirror.certificate.is_empty() {
                let message = "has nothing to be compared with: give the certificate";
                findings.push(Finding::error(key("fingerprint"), message));
            }
        }
    }
    findings
}

/// `host[:port]` and path of a registry's prefix, if it is one.
pub(crate) fn registry_host(prefix: &str) -> Option<(&str, &str)> {
    let rest = prefix.split_once("://").map_or(prefix, |(_, rest)| rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "443"));
    let part =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_./".contains(&byte);
    let plain = path.bytes().all(part) && !path.split('/').any(|part| part == "..");
    (is_host(name) && port.parse::<u16>().is_ok() && plain).then_some((host, path))
}

/// How long a token is to be valid; nothing when it cannot be told.
#[must_use]
pub fn token_ttl(text: &str) -> Option<std::time::Duration> {
    let ttl: jiff::SignedDuration = text.parse().ok()?;
    std::time::Duration::try_from(ttl).ok().filter(|ttl| !ttl.is_zero())
}

/// Whether an address is that of one machine: neither of all its own nor of several.
#[must_use]
pub fn is_of_one(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

/// As the kernel takes it.
fn is_interface(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b':';
    (1..=15).contains(&text.len()) && text != "." && text != ".." && text.bytes().all(plain)
}

/// It becomes part of a list of them.
fn is_gate(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_image(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    text.len() <= 512
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(plain)
}

fn is_proxy(text: &str) -> bool {
    let rest = match text.split_once("://") {
        Some(("http" | "https", rest)) => rest,
        Some(_) => return false,
        None => text,
    };
    !rest.is_empty() && is_plain(text) && !text.contains(',')
}

/// Whether it can be put between quotes into files of systemd and shells.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\$`;|&<>(){}".contains(&byte))
}
