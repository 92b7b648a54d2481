//! Addresses, names, proxies and pod networks.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Addresses, names, proxies and pod networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    /// Where this machine's API server and kubelet are reached.
    pub bind: Bind,
    /// Addresses of pods; two, separated by a comma, for both families.
    pub pod_subnet: String,
    /// Addresses of Services; as `podSubnet`.
    pub service_subnet: String,
    /// Names.
    pub dns: Dns,
    /// How this machine reaches the internet.
    pub proxy: Proxy,
    /// The pod network.
    pub cni: Cni,
    /// What gives pods more than one network.
    pub multiple_cni: MultipleCni,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            bind: Bind::default(),
            pod_subnet: "172.16.0.0/13".to_owned(),
            service_subnet: "172.24.0.0/16".to_owned(),
            dns: Dns::default(),
            proxy: Proxy::default(),
            cni: Cni::default(),
            multiple_cni: MultipleCni::default(),
        }
    }
}

/// Where this machine's API server and kubelet are reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Bind {
    /// Its address; that of `interface` when empty, and else that of the default route.
    pub address: String,
    /// The interface whose first global address is used.
    pub interface: String,
    /// Port of the API server.
    pub port: u16,
}

impl Default for Bind {
    fn default() -> Self {
        Self { address: String::new(), interface: String::new(), port: 6443 }
    }
}

/// Names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dns {
    /// Domain of Services.
    pub domain: String,
    /// Name under which the API server is reached from everywhere, `host[:port]`: that of the load
    /// balancer, where there are several control-plane nodes. Its port is that of `bind` otherwise.
    pub external_fqdn: String,
}

impl Dns {
    /// Name or address of the load balancer, and its port if it has another one; nothing where there
    /// is none, or what is given is none.
    #[must_use]
    pub fn load_balancer(&self) -> Option<(&str, Option<u16>)> {
        let text = self.external_fqdn.as_str();
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None if text.parse::<std::net::IpAddr>().is_ok() => (text, ""),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|port| *port != 0)?)
            }
            _ => return None,
        };
        let known = match text.starts_with('[') {
            true => host.parse::<std::net::Ipv6Addr>().is_ok(),
            false => is_host(host),
        };
        known.then_some((host, port))
    }

    /// Its name or address.
    #[must_use]
    pub fn external_host(&self) -> Option<&str> {
        self.load_balancer().map(|(host, _)| host)
    }
}

impl Default for Dns {
    fn default() -> Self {
        Self { domain: "cluster.local".to_owned(), external_fqdn: String::new() }
    }
}

/// How this machine reaches the internet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Proxy {
    /// URL or `host:port` of the proxy for HTTP.
    pub http: String,
    /// URL or `host:port` of the proxy for HTTPS.
    pub https: String,
    /// What is reached without it, separated by commas. The cluster's own addresses are added.
    pub no_proxy: String,
    /// Whether all of the machine uses it, not only the runtime, the kubelet and kubeadm.
    pub system_wide: bool,
}

impl Proxy {
    /// Whether there is one.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.http.is_empty() || !self.https.is_empty()
    }
}

/// The pod network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Cni {
    /// Which one.
    pub driver: CniDriver,
    /// Its image; the one it is known to work with when empty.
    pub image: String,
    /// Where the runtime looks for plugins.
    pub bin_dir: PathBuf,
    /// Where the runtime looks for configurations.
    pub conf_dir: PathBuf,
    /// Files or folders of manifests, for the driver `custom`.
    pub manifests: Vec<PathBuf>,
}

impl Default for Cni {
    fn default() -> Self {
        Self {
            driver: CniDriver::default(),
            image: String::new(),
            bin_dir: "/opt/cni/bin".into(),
            conf_dir: "/etc/cni/net.d".into(),
            manifests: Vec::new(),
        }
    }
}

/// A pod network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CniDriver {
    /// flannel, with VXLAN.
    #[default]
    Flannel,
    /// Cilium, with kube-proxy beside it.
    Cilium,
    /// Whatever `manifests` make.
    Custom,
    /// None: someone else installs one, and until then no Node is ready.
    None,
}

/// What gives pods more than one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MultipleCni {
    /// Nothing.
    #[default]
    None,
    /// Multus.
    Multus,
    /// The agent of `kubewright podnet`.
    Podnet,
}

/// Whether this is an address or a DNS name.
pub(super) fn is_host(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok() || is_dns_name(text)
}

/// Whether this is a DNS name as Kubernetes takes it: RFC 1123, lower case.
pub(super) fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}
